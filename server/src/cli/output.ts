// A reader that has gone is told to whoever writes, by the rejection below; without a listener it would end the process.
process.stdout.on('error', () => undefined);

/** Writes data to stdout, waiting for a reader that is slow. Rejects when the reader has gone. */
export async function print(text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** Prints one value as indented JSON. */
export async function printJson(value: unknown): Promise<void> {
  await print(`${jsonText(value, 2)}\n`);
}

/**
 * A value as JSON that a terminal shows and does not obey: JSON leaves the control characters from U+007F to U+009F as they
 * are, and some terminals take U+009B for the beginning of a command.
 * @param indent spaces for each level; none leaves it on one line
 */
export function jsonText(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(
    /[\u007f-\u009f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * Prints rows as columns that line up under their headings.
 * @param widths what an earlier part of the same table returned: this one goes on with it, without headings
 * @returns the widths of the columns
 */
export async function printTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  widths?: readonly number[],
): Promise<readonly number[]> {
  const columns =
    widths ??
    headings.map((heading, column) =>
      // Not by one call of `Math.max`: a call takes fewer arguments than there may be rows.
      rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), heading.length),
    );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(columns[column] ?? 0))
      .join('  ')
      .trimEnd();
  await print(`${[...(widths ? [] : [headings]), ...rows].map(line).join('\n')}\n`);
  return columns;
}

/** Prints names and values, one a line; texts as `shown`. */
export async function printFields(
  fields: Readonly<Record<string, string | number | boolean | null>>,
): Promise<void> {
  const width = Math.max(...Object.keys(fields).map((name) => name.length));
  await print(
    Object.entries(fields)
      .map(
        ([name, value]) =>
          `${name.padEnd(width)}  ${typeof value === 'string' ? shown(value) : (value ?? '-')}\n`,
      )
      .join(''),
  );
}

/** Text from the store as it may be shown on a terminal: control characters would be obeyed. */
export function shown(text: string | null): string {
  return text === null || text === '' ? '-' : text.replace(/\p{Cc}/gu, '�');
}

/** A time as text. */
export function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
