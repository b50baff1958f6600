import { posix } from 'node:path';
import { type Check, isTest, type SourceFile } from './source-files.ts';

/** Where packages are entered: who imports their names is not here. */
const ENTRANCES = /^(client|verifier)\/src\/(index|express|fastify|hono|node)\.ts$|^examples\//;

/** What is more than a type: types stand in the signatures of others, whoever imports them. What is the default of a file is a tool's. */
const DECLARED = /^export (?:async )?(?:abstract )?(?:function\*?|const|let|class|enum) (\w+)/gm;
const IMPORTED = /^(?:import|export)\b([^;'"]*?)from '(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm;

/** What a file takes from others, as `path: name`; all that it says where it takes a file as a whole. */
const takenBy = ({ path, text }: SourceFile): string[] =>
  [...text.matchAll(IMPORTED)].flatMap(([, names = '', from, whole]) => {
    const target = posix.join(posix.dirname(path), from ?? whole ?? '');
    const words = names.includes('{') ? names : text;
    return [...words.matchAll(/\w+/g)].map(([name]) => `${target}: ${name}`);
  });

/** Exported names that no other source imports, tests included. */
export const unusedExports: Check = (files) => {
  const taken = new Set(files.flatMap(takenBy));
  return files
    .filter(({ path }) => !isTest(path) && !ENTRANCES.test(path))
    .flatMap(({ path, text }) => [...text.matchAll(DECLARED)].map(([, name = '']) => `${path}: ${name}`))
    .filter((each) => !taken.has(each))
    .map((each) => `${each} is exported, and nobody imports it`);
};
