import fc from 'fast-check';
import { changeFactors, removalOf } from '../../src/self-service/change-factors.ts';
import { accountKey, deviceKey, factorKey } from '../../src/sign-in/throttle.ts';
import { setAccountStatus, signAccountOut } from '../../src/store/accounts.ts';
import { forgiveAttempts, forgiveDeviceAttempts } from '../../src/store/count-attempt.ts';
import type { Change } from '../../src/store/engine.ts';
import { saveOrganisations, setOrganisationSuspended } from '../../src/store/organisations.ts';
import { takeAway } from './changes.ts';
import { type Account, endAllButOne, type Model, type Organisation, type Settings } from './state.ts';
import { accountAt, nameOf, type Step, steps, who } from './step.ts';
import { forgive } from './tries.ts';
import type { World } from './world.ts';

// What an operator does at the command line, by the changes that the commands commit; and time, which passes.

/** Commits, and holds the store against the model. */
async function operate(model: Model, world: World, what: string, changes: readonly Change[]): Promise<void> {
  const committed = await world.core.store.commit(changes);
  world.trace.push(`${what}${committed.ok ? '' : ': nothing to do'}`);
  world.count('operate', what.split(' ')[0] ?? '');
  await world.checkStore(model);
}

const states = steps(
  'set state',
  fc.record({
    who,
    active: fc.oneof(
      { weight: 1, arbitrary: fc.constant(false) },
      { weight: 3, arbitrary: fc.constant(true) },
    ),
  }),
  async (model, world, { who: place, active }) => {
    // Who was disabled is enabled again most of the time: else nobody would be left to play.
    const account = active
      ? (model.accounts.find((each) => !each.active) ?? accountAt(model, place))
      : accountAt(model, place);
    if (account.active !== active) {
      account.active = active;
      endAllButOne(model, account, null);
    }
    const what = `${active ? 'enable' : 'disable'} ${nameOf(account)}`;
    await operate(
      model,
      world,
      what,
      setAccountStatus(account.id, active ? 'active' : 'inactive', model.now),
    );
  },
);

const unlocks = steps('unlock', who, async (model, world, place) => {
  const account = accountAt(model, place);
  forgive(account.passwordTries);
  forgive(account.codeTries);
  account.deviceTries.clear();
  const changes = [
    forgiveAttempts(accountKey(account.id), factorKey(account.id)),
    forgiveDeviceAttempts(deviceKey(account.id, ''), account.id),
  ];
  await operate(model, world, `unlock ${nameOf(account)}`, changes);
});

const signingsOut = steps('sign out an account', who, async (model, world, place) => {
  const account = accountAt(model, place);
  endAllButOne(model, account, null);
  await operate(model, world, `sign-out ${nameOf(account)}`, signAccountOut(account.id, model.now));
});

const factorRemovals = steps('take a factor away', who, async (model, world, place) => {
  const account = accountAt(model, place);
  const factor = account.seed === null ? 'email' : 'totp';
  takeAway(model, account, factor, null);
  await operate(
    model,
    world,
    `take-away ${factor} of ${nameOf(account)}`,
    await removalFor(world, account, factor),
  );
});

async function removalFor({ core }: World, { id }: Account, factor: 'totp' | 'email'): Promise<Change[]> {
  const account = await core.store.accounts.byId(id);
  if (account === null) throw new Error(`account ${id} is gone`);
  const changes = [removalOf(factor, id)];
  return changeFactors(core, account, { factor, what: 'factor-removed', changes });
}

const suspensions = steps(
  'suspend',
  fc.record({ place: fc.nat(3), suspended: fc.boolean() }),
  async (model, world, { place, suspended }) => {
    const other = model.organisations.find((each) => each.suspended);
    const organisation = suspended ? model.organisations[place] : (other ?? model.organisations[place]);
    if (!organisation) return;
    organisation.suspended = suspended;
    const what = `${suspended ? 'suspend' : 'resume'} ${organisation.name}`;
    await operate(model, world, what, setOrganisationSuspended(organisation.id, suspended, model.now));
  },
);

const SETTINGS: readonly Settings[] = [
  {},
  { mfaForStudents: true },
  { mfaForTeachers: true, mfaForStudents: true, maxFailedSignInAttempts: 4 },
  { requireSecondFactorFor: ['Clerk'] },
  { requireSecondFactorFor: ['Student', 'Teacher'] },
  { requireSecondFactorFor: ['Clerk'], allowEmailPin: false },
  { allowEmailPin: false },
];

const rulings = steps(
  'set policy',
  fc.record({ place: fc.nat(3), settings: fc.nat(SETTINGS.length - 1) }),
  async (model, world, drawn) => {
    const organisation = model.organisations[drawn.place];
    if (!organisation) return;
    organisation.settings = SETTINGS[drawn.settings] ?? {};
    const what = `rule ${JSON.stringify(organisation.settings)} in ${organisation.name}`;
    await operate(model, world, what, saveOrganisations([rowOf(organisation)]));
  },
);

function rowOf({
  id,
  name,
  settings,
  suspended,
}: Organisation): Parameters<typeof saveOrganisations>[0][number] {
  const rest = { accountName: null, parentId: null, isActive: true, isPaid: false };
  return { id, name, isSuspended: suspended, settings: { ...settings }, ...rest };
}

const seconds = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(1, 9, 30, 31) },
  { weight: 3, arbitrary: fc.constantFrom(61, 121, 301) },
  { weight: 3, arbitrary: fc.constantFrom(601, 1201, 3601) },
  { weight: 1, arbitrary: fc.constantFrom(43_201, 86_401, 604_801) },
);

const waits = steps('wait', seconds, async (model, world, passing) => {
  for (const session of model.sessions) if (session.ended) session.endedAt ??= model.now;
  world.core.clock.advance(passing);
  model.now += passing * 1000;
  world.trace.push(`${passing} s pass`);
  world.count('wait', `${passing} s`);
});

/** What operators do, and time. */
export const OPERATOR_STEPS: readonly fc.WeightedArbitrary<Step>[] = [
  { weight: 4, arbitrary: states },
  { weight: 1, arbitrary: unlocks },
  { weight: 1, arbitrary: signingsOut },
  { weight: 1, arbitrary: factorRemovals },
  { weight: 2, arbitrary: suspensions },
  { weight: 2, arbitrary: rulings },
  { weight: 10, arbitrary: waits },
];
