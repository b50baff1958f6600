/** What a database says of a network. */
export interface PlacedNetwork {
  /** IPv4 or IPv6 in hexadecimal groups without abbreviation, and how many bits of it count. */
  readonly network: string;
  readonly bits: number;
  readonly record: object;
}

/**
 * A small database of places in the MMDB format (https://maxmind.github.io/MaxMind-DB/): an IPv6 tree with 24-bit records,
 * IPv4 below ::/96.
 */
export function placeDatabase(networks: readonly PlacedNetwork[]): Buffer {
  const tree: [Node, Node][] = [[null, null]];
  const data: Buffer[] = [];
  let offset = 0;
  for (const { network, bits, record } of networks) {
    const isV4 = network.includes('.');
    put(tree, bitsOf(network).slice(0, bits + (isV4 ? 96 : 0)), offset);
    const written = encode(record);
    data.push(written);
    offset += written.length;
  }
  const nodes = tree.length;
  const pointerOf = (node: Node): number =>
    node === null ? nodes : 'index' in node ? node.index : nodes + 16 + node.data;
  const search = Buffer.alloc(nodes * 6);
  for (const [index, [left, right]] of tree.entries()) {
    search.writeUIntBE(pointerOf(left), index * 6, 3);
    search.writeUIntBE(pointerOf(right), index * 6 + 3, 3);
  }
  const metadata = {
    node_count: nodes,
    record_size: 24,
    ip_version: 6,
    database_type: 'Test-City',
    languages: ['en'],
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1,
    description: { en: 'invented' },
  };
  const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
  return Buffer.concat([search, Buffer.alloc(16), ...data, marker, encode(metadata)]);
}

type Node = { readonly index: number } | { readonly data: number } | null;

function put(tree: [Node, Node][], bits: readonly number[], data: number): void {
  let at = 0;
  for (const [depth, bit] of bits.entries()) {
    const pair = tree[at];
    if (!pair) throw new Error('there is no such node');
    if (depth === bits.length - 1) {
      pair[bit === 0 ? 0 : 1] = { data };
      return;
    }
    const next = pair[bit === 0 ? 0 : 1];
    if (next === null) {
      pair[bit === 0 ? 0 : 1] = { index: tree.length };
      at = tree.length;
      tree.push([null, null]);
    } else if ('index' in next) at = next.index;
    else throw new Error('one network is in another');
  }
}

function bitsOf(address: string): number[] {
  const bytes = address.includes('.')
    ? [...new Array<number>(12).fill(0), ...address.split('.').map(Number)]
    : address
        .split(':')
        .flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]);
  return bytes.flatMap((byte) => Array.from({ length: 8 }, (_, bit) => (byte >> (7 - bit)) & 1));
}

const [STRING, UINT32, MAP, ARRAY] = [2, 6, 7, 11];

function encode(value: unknown): Buffer {
  if (typeof value === 'string')
    return Buffer.concat([control(STRING, Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return Buffer.concat([control(UINT32, 4), bytes]);
  }
  if (Array.isArray(value)) return Buffer.concat([control(ARRAY, value.length), ...value.map(encode)]);
  const entries = Object.entries(value as object);
  return Buffer.concat([
    control(MAP, entries.length),
    ...entries.flatMap(([key, each]) => [encode(key), encode(each)]),
  ]);
}

/** The byte that says type and size; sizes below 29 only, with which the tests make do, and one more byte up to 284. */
function control(type: number, size: number): Buffer {
  const [low, more] = size < 29 ? [size, []] : [29, [size - 29]];
  return Buffer.from(type < 8 ? [(type << 5) | low, ...more] : [low, type - 7, ...more]);
}
