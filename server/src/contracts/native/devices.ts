import { type Static, Type } from 'typebox';
import type { OwnDevice } from '../../commands/device.ts';
import {
  type Decoded,
  type Encoders,
  type Endpoint,
  isoTime,
  readText,
  type WireRequest,
} from '../contract.ts';
import { withBearer } from './bearer.ts';
import { type Device, Devices } from './shapes.ts';

/** The longest name of a device, in code points. */
const NAME_LIMIT = 100;

// A name is shown among others, so it is one line and something can be seen of it.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u;

function decodeName(request: WireRequest): Decoded {
  const name = readText(request.body, 'name', { max: NAME_LIMIT });
  const text = name.state === 'text' ? name.value.normalize('NFC').trim() : '';
  if (text === '' || INVISIBLE.test(text)) return { fault: 'unreadable' };
  const deviceId = request.param('id');
  return { command: { kind: 'name-device', token: request.bearer ?? '', deviceId, name: text } };
}

function ownDevice({ id, name, createdAt, lastUsedAt, isCurrent }: OwnDevice): Static<typeof Device> {
  return { id, name, createdAt: isoTime(createdAt), lastUsedAt: isoTime(lastUsedAt), current: isCurrent };
}

/** The devices that an account recognises. */
export const deviceEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/v1/devices',
    summary: 'The devices that the account recognises, those used last first',
    accepts: [],
    describe: { bearer: true, replies: { 200: Devices } },
    decode: withBearer((token) => ({ kind: 'list-devices', token })),
  },
  {
    method: 'POST',
    path: '/v1/devices/:id',
    summary: 'Give one of them a name',
    accepts: ['json'],
    describe: {
      request: Type.Object({ name: Type.String({ minLength: 1, maxLength: NAME_LIMIT }) }),
      bearer: true,
      replies: { 204: null },
    },
    decode: decodeName,
  },
  {
    method: 'DELETE',
    path: '/v1/devices/:id',
    summary: 'Forget one of them: its next sign-in asks for a code again',
    accepts: [],
    describe: { bearer: true, replies: { 204: null } },
    decode: withBearer((token, request) => ({
      kind: 'forget-device',
      token,
      deviceId: request.param('id'),
    })),
  },
  {
    method: 'DELETE',
    path: '/v1/devices',
    summary: 'Forget all of them',
    accepts: [],
    describe: { bearer: true, replies: { 204: null } },
    decode: withBearer((token) => ({ kind: 'forget-devices', token })),
  },
];

/** How they are answered. */
export const deviceReplies: Pick<Encoders, 'devices'> = {
  devices: ({ devices }) => ({
    status: 200,
    body: { devices: devices.map(ownDevice) } satisfies Static<typeof Devices>,
  }),
};
