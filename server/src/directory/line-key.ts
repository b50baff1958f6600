import type { DirectoryLine } from './line.ts';

/** What makes two lines speak of the same object. */
export function keyOf(line: DirectoryLine): string {
  return `${line.kind}\0${nameOf(line)}`;
}

function nameOf(line: DirectoryLine): string {
  switch (line.kind) {
    case 'organisation':
    case 'account':
      return line.id.toLowerCase();
    case 'role':
      return line.name;
    case 'membership':
      return `${line.account}\0${line.organisation}\0${line.role}`.toLowerCase();
    case 'installation':
      return line.installationId;
    case 'resource':
      return `${line.context}\0${line.code}`;
  }
}
