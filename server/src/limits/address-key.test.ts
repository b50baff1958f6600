import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressKey } from './address-key.ts';

const octets = fc.array(fc.nat({ max: 255 }), { minLength: 4, maxLength: 4 });
const groups = fc.array(fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat({ max: 0xffff })), {
  minLength: 8,
  maxLength: 8,
});

/** How an address may be written: letters of both cases, leading zeros, zeros left out, an IPv4 tail, a zone. */
const style = fc.record({
  isUpper: fc.boolean(),
  digits: fc.constantFrom(1, 4),
  skippedAt: fc.nat({ max: 7 }),
  hasTail: fc.boolean(),
  zone: fc.constantFrom('', '%eth0'),
});
type Style = typeof style extends fc.Arbitrary<infer Each> ? Each : never;

function spelled(numbers: readonly number[], { isUpper, digits, skippedAt, hasTail, zone }: Style): string {
  const hex = (number: number) => number.toString(16).padStart(digits, '0');
  const [high = 0, low = 0] = numbers.slice(6);
  const tail = hasTail ? [[high >> 8, high & 255, low >> 8, low & 255].join('.')] : [hex(high), hex(low)];
  const written = [...numbers.slice(0, 6).map(hex), ...tail];
  // The zeros from one place on may be left out, of those before the tail.
  const end = numbers.findIndex((number, index) => index >= skippedAt && (number !== 0 || index >= 6));
  const text =
    end > skippedAt
      ? `${written.slice(0, skippedAt).join(':')}::${written.slice(end).join(':')}`
      : written.join(':');
  return (isUpper ? text.toUpperCase() : text) + zone;
}

const grouped = ([a = 0, b = 0, c = 0, d = 0]: readonly number[]) => [a * 256 + b, c * 256 + d];
const isEmbedded = (numbers: readonly number[]) =>
  ['0,0,0,0,0,65535', '100,65435,0,0,0,0'].includes(numbers.slice(0, 6).join());

describe('the key of an address', () => {
  test.each([
    ['mapped', [0, 0, 0, 0, 0, 0xffff]],
    ['behind a translator (NAT64)', [0x64, 0xff9b, 0, 0, 0, 0]],
  ])('is that of the IPv4 address that is %s, in every spelling', (_, prefix) => {
    fc.assert(
      fc.property(octets, style, (address, written) => {
        expect(addressKey(spelled([...prefix, ...grouped(address)], written))).toBe(address.join('.'));
      }),
    );
  });

  test('is one for all of an IPv6 /64, in every spelling, and another for every other', () => {
    fc.assert(
      fc.property(groups, groups, style, style, (numbers, other, written, otherwise) => {
        fc.pre(!isEmbedded(numbers) && !isEmbedded(other));
        const key = addressKey(spelled(numbers, written));
        expect(key).toMatch(/^(?:[0-9a-f]{1,4}:){4}:\/64$/);
        expect(addressKey(spelled(numbers, otherwise))).toBe(key);
        const neighbour = [...numbers.slice(0, 4), ...other.slice(4)];
        if (!isEmbedded(neighbour)) expect(addressKey(spelled(neighbour, otherwise))).toBe(key);
        const isSame = numbers.slice(0, 4).join() === other.slice(0, 4).join();
        expect(addressKey(spelled(other, otherwise)) === key).toBe(isSame);
      }),
    );
  });

  test.each([
    ['198.51.100.7', '198.51.100.7'],
    ['::ffff:198.51.100.7', '198.51.100.7'],
    ['::ffff:c633:6407', '198.51.100.7'],
    ['0:0:0:0:0:ffff:198.51.100.7', '198.51.100.7'],
    ['64:ff9b::c633:6407', '198.51.100.7'],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['no address', 'no address'],
  ])('of %s is %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});
