import { heading, median, quantile, shown } from '../recorder.ts';

/** How long requests of a kind waited, in milliseconds. */
export type Waits = Readonly<Record<'refresh' | 'sign-in', readonly number[]>>;

/** Prints how long requests waited before something large went on in the store, and meanwhile. */
export function printWaits(title: string, before: Waits, meanwhile: Waits): void {
  heading(`${title}; milliseconds`);
  console.log('                       count       p50       p99       max');
  for (const [when, waits] of Object.entries({ before, meanwhile }))
    for (const [kind, times] of Object.entries(waits)) {
      const figures = [median(times), quantile(times, 0.99), Math.max(...times)];
      console.log(
        `${when.padEnd(10)} ${kind.padEnd(8)} ${String(times.length).padStart(7)} ${figures.map((figure) => shown(figure, 1).padStart(9)).join(' ')}`,
      );
    }
}
