import { expect, test } from 'vitest';
import { median, quantile, Recorder, shown } from './recorder.ts';

test('those that wait count among the times, and not among the answers', () => {
  const recorder = new Recorder();
  recorder.record(5000, 200);
  recorder.begin();
  for (const milliseconds of [10, 20]) recorder.record(milliseconds, 200);
  recorder.record(1, 503);
  recorder.record(1, '200 wrong');
  const { p99Milliseconds, p50Milliseconds, statuses, perSecond } = recorder.end([900, 1000]);
  expect({ p50Milliseconds, p99Milliseconds }).toEqual({ p50Milliseconds: 900, p99Milliseconds: 1000 });
  // Of who has waited for less than the median nobody knows whether he would have been served sooner.
  expect(recorder.end([5, 15])).toMatchObject({ p50Milliseconds: 20, p99Milliseconds: 20 });
  expect(statuses).toEqual({ 200: 2, 503: 1, '200 wrong': 1 });
  expect(perSecond).toBeGreaterThan(0);
  const again = recorder.end();
  expect(again.p99Milliseconds).toBe(20);
  recorder.begin();
  expect(recorder.end([7, 8])).toMatchObject({ p99Milliseconds: 8, perSecond: 0 });
});

test('who was told to come back was answered at once, and served much later', () => {
  const recorder = new Recorder();
  recorder.begin();
  recorder.record(5, 503);
  recorder.record(1005, 503, false);
  recorder.record(2005, 200, false);
  expect(recorder.end()).toMatchObject({
    p50Milliseconds: 2005,
    p99Milliseconds: 2005,
    firstAnswerP50Milliseconds: 5,
    firstAnswerP99Milliseconds: 5,
    statuses: { 503: 2, 200: 1 },
  });
});

test('the middle and a part of values, in whatever order they come', () => {
  expect(median([100, 9, 20])).toBe(20);
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(3);
  expect(median([])).toBeNaN();
});

test('the middle of an even number of values is between the two in the middle', () => {
  expect(median([100, 9, 20, 10])).toBe(15);
  expect(median([1, 2])).toBe(1.5);
  expect(median([1, Number.NaN])).toBeNaN();
});

test('what is no number is printed as none', () => {
  expect([1.26, 2, Number.NaN, Number.POSITIVE_INFINITY].map((each) => shown(each, 1))).toEqual([
    '1.3',
    '2.0',
    '–',
    '–',
  ]);
});
