import { describe } from 'vitest';
import { ENGINES } from '../../testing/engines.ts';
import { consumeSuite } from './consume.suite.ts';
import { countAttemptSuite } from './count-attempt.suite.ts';
import { engineSuite } from './engine.suite.ts';
import { sendingBudgetSuite } from './sending-budget.suite.ts';

describe.each(ENGINES)('the store on %s', (engine) => {
  describe('commits', () => engineSuite(engine));
  describe('spending', () => consumeSuite(engine));
  describe('counting attempts', () => countAttemptSuite(engine));
  describe('counting what is sent', () => sendingBudgetSuite(engine));
});
