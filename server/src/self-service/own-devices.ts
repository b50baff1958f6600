import { declined } from '../commands/decline.ts';
import { type Owner, ownerBehind } from '../sessions/owner.ts';
import type { Command, Outcome } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from '../sign-in/corridor.ts';
import { usedSince } from '../sign-in/device.ts';
import { forgetDevice, forgetDevices, nameDevice } from '../store/devices.ts';

type DeviceCommand<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>;

/** Lists the devices that the account behind a token knows, those used last first. */
export async function listDevices(
  corridor: Corridor,
  attempt: Attempt,
  { token }: DeviceCommand<'list-devices'>,
): Promise<Outcome> {
  const owner = await ownerBehind(corridor, attempt, token);
  if ('kind' in owner) return owner;
  return {
    kind: 'devices',
    devices: await corridor.store.devices.known(owner.account.id, owner.session.id, usedSince(corridor)),
  };
}

/** Gives a device a name: it tells its owner which one it is, and nothing else. Somebody else's is as unknown as none. */
export async function nameOwnDevice(
  corridor: Corridor,
  attempt: Attempt,
  { token, deviceId, name }: DeviceCommand<'name-device'>,
): Promise<Outcome> {
  const owner = await ownerBehind(corridor, attempt, token);
  if ('kind' in owner) return owner;
  const committed = await corridor.store.commit([nameDevice(owner.account.id, deviceId, name)]);
  return committed.ok ? { kind: 'done' } : declined('no-such-device');
}

/** Forgets one device: its next sign-in asks for a code again. Its sessions go on until they are ended. */
export async function forgetOwnDevice(
  corridor: Corridor,
  attempt: Attempt,
  { token, deviceId }: DeviceCommand<'forget-device'>,
): Promise<Outcome> {
  const owner = await ownerBehind(corridor, attempt, token);
  if ('kind' in owner) return owner;
  const committed = await corridor.store.commit([
    forgetDevice(owner.account.id, deviceId),
    forgotten(corridor, owner, deviceId),
  ]);
  return committed.ok ? { kind: 'done' } : declined('no-such-device');
}

/** Forgets every device of the account, the one that asks included. */
export async function forgetOwnDevices(
  corridor: Corridor,
  attempt: Attempt,
  { token }: DeviceCommand<'forget-devices'>,
): Promise<Outcome> {
  const owner = await ownerBehind(corridor, attempt, token);
  if ('kind' in owner) return owner;
  await corridor.store.commit([forgetDevices(owner.account.id), forgotten(corridor, owner, null)]);
  return { kind: 'done' };
}

/** @param device null for all of them */
function forgotten(corridor: Corridor, { account, session, origin }: Owner, device: string | null) {
  // The device is the one that is forgotten, not the one that asks.
  const { goesOn: _, ...attempt } = origin;
  return auditAttempt(attempt, corridor.clock.now(), 'device.forgotten', {
    accountId: account.id,
    organisationId: session.membership?.organisationId ?? null,
    sessionId: session.id,
    device,
  });
}
