/**
 * The session state machine as a model, and random histories of it against an
 * adapter: whatever is done in whatever order, both say the same.
 *
 * @module
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { v4 } from "uuid";
import type { StoreHarness } from "./contract.ts";
import {
  GRACE_MS,
  LIMITS,
  listOf,
  newSession,
  revokeSession,
  revokeSubject,
  rotationOf,
  subjectGroup,
} from "./fixtures.ts";

type Command =
  | { readonly kind: "open"; readonly person: number }
  /** Presents the token that is `age` generations old. */
  | {
    readonly kind: "rotate";
    readonly session: number;
    readonly age: number;
    /** Number of the key that is proven; `null`: none. */
    readonly key: number | null;
  }
  | { readonly kind: "bind"; readonly session: number; readonly key: number }
  | { readonly kind: "revoke"; readonly session: number }
  | { readonly kind: "revokeAll"; readonly person: number }
  | { readonly kind: "look"; readonly session: number }
  | { readonly kind: "wait"; readonly ms: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("open" as const), person: fc.nat(1) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("rotate" as const),
      session: fc.nat(3),
      age: fc.oneof(fc.constant(0), fc.nat(2)),
      key: fc.oneof(fc.constant(0), fc.constantFrom(null, 1)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("bind" as const),
      session: fc.nat(3),
      key: fc.oneof(fc.constant(0), fc.constant(1)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("revoke" as const), session: fc.nat(3) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("revokeAll" as const), person: fc.nat(1) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("look" as const), session: fc.nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.constantFrom(1_000, GRACE_MS / 2, GRACE_MS + 1_000),
    }),
  },
);

interface ModelSession {
  readonly sid: string;
  readonly subject: string;
  readonly createdAtMs: number;
  /** `jti` of all its refresh tokens, oldest first. */
  readonly chain: string[];
  /** By spent `jti`: until when it answers with its successor. */
  readonly grace: Map<string, number>;
  /** Number of the key that it is bound to. */
  key: number | null;
  revoked: boolean;
}

/** Runs random histories. Each run gets a fresh harness. */
export async function checkModel(create: () => Promise<StoreHarness>, runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
      const harness = await create();
      try {
        await follow(harness, commands);
      } finally {
        await harness.dispose();
      }
    }),
    { numRuns: runs, seed: 20261124, interruptAfterTimeLimit: 60_000 },
  );
}

async function follow(harness: StoreHarness, commands: readonly Command[]): Promise<void> {
  const { store, clock } = harness;
  const sessions: ModelSession[] = [];
  const people = ["ada", "bob"] as const;

  for (const step of commands) {
    switch (step.kind) {
      case "open": {
        const session = newSession(clock, { subject: people[step.person] ?? "ada" });
        const outcome = await store.open(session, LIMITS);
        if (outcome.kind === "superseded") break;
        sessions.push({
          sid: session.sid,
          subject: session.subject,
          createdAtMs: session.createdAtMs,
          chain: [session.current.refreshJti],
          grace: new Map(),
          key: null,
          revoked: false,
        });
        break;
      }
      case "wait":
        await harness.advance(step.ms);
        break;
      case "revokeAll": {
        const subject = people[step.person] ?? "ada";
        const { notAfterMs } = await revokeSubject(store, subject);
        for (const session of sessions) {
          if (session.subject !== subject) continue;
          assert.ok(session.createdAtMs <= notAfterMs, "no session is younger than its end");
          session.revoked = true;
        }
        break;
      }
      default: {
        const session = sessions[step.session];
        if (session !== undefined) await act(harness, session, step);
      }
    }
  }
  for (const session of sessions) await act(harness, session, { kind: "look", session: 0 });
}

async function act(
  { store, clock }: StoreHarness,
  session: ModelSession,
  step: Extract<Command, { kind: "rotate" | "bind" | "revoke" | "look" }>,
): Promise<void> {
  const { sid, subject, chain } = session;
  switch (step.kind) {
    case "look": {
      const record = await store.readSession(sid);
      const status = await store.tokenStatus({
        sid,
        subject,
        jti: v4(),
        groups: [subjectGroup(subject)],
        bornAtMs: session.createdAtMs,
      });
      assert.equal(status, session.revoked ? "revoked" : "live");
      assert.equal(record?.current.refreshJti, session.revoked ? undefined : chain.at(-1));
      if (record !== null) assert.equal(record.bound?.jkt ?? null, keyName(session.key));
      const listed = (await listOf(store, subject)).some((each) => each.sid === sid);
      assert.equal(listed, !session.revoked);
      return;
    }
    case "bind": {
      const outcome = await store.bind(sid, { jkt: keyName(step.key) ?? "", by: "dbsc" });
      const isFree = session.key === null || session.key === step.key;
      assert.equal(outcome, session.revoked ? "gone" : isFree ? "bound" : "already");
      if (outcome === "bound") session.key = step.key;
      return;
    }
    case "revoke":
      assert.equal(
        (await revokeSession(store, { sid, subject }, { mustExist: true })).kind,
        session.revoked ? "already_revoked" : "revoked",
      );
      session.revoked = true;
      return;
    case "rotate": {
      const index = Math.max(0, chain.length - 1 - step.age);
      const presentedJti = chain[index] ?? "";
      const record = { ...newSession(clock), sid, subject };
      const rotation = rotationOf(clock, record, { presentedJti, jkt: keyName(step.key) });
      const isLive = index === chain.length - 1;
      const inGrace = (session.grace.get(presentedJti) ?? 0) > clock();
      const outcome = await store.rotate(rotation);
      if (session.revoked) {
        assert.equal(outcome.kind, "revoked");
      } else if (session.key !== null && session.key !== step.key) {
        assert.equal(outcome.kind, "unproven");
      } else if (isLive) {
        assert.equal(outcome.kind, "rotated");
        chain.push(rotation.next.refreshJti);
        session.grace.set(presentedJti, clock() + GRACE_MS);
      } else if (inGrace || index === chain.length - 2) {
        // The live token has not been presented yet: its predecessor answers at any time.
        assert.ok(outcome.kind === "replayed", outcome.kind);
        assert.equal(outcome.generation.refreshJti, chain[index + 1], "its own successor");
      } else {
        assert.equal(outcome.kind, "reused");
        session.revoked = true;
      }
    }
  }
}

function keyName(key: number | null): string | null {
  return key === null ? null : `key ${key}`;
}
