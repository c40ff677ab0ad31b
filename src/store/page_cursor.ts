/**
 * The cursor of a subject's sessions: the place just behind one of them.
 *
 * @module
 */

/** A place in a list that is ordered youngest first. */
export interface SessionPlace {
  readonly createdAtMs: number;
  readonly sid: string;
}

const PLACE = /^(\d{1,16})\.([0-9A-Za-z-]{1,64})$/;

/** Makes the opaque cursor behind a session. */
export function encodeSessionPlace({ createdAtMs, sid }: SessionPlace): string {
  return `${createdAtMs}.${sid}`;
}

/** Reads a cursor; what is none of ours is a place before everything. */
export function decodeSessionPlace(cursor: string | null): SessionPlace | null {
  const [, createdAt, sid] = PLACE.exec(cursor ?? "") ?? [];
  if (createdAt === undefined || sid === undefined) return null;
  return { createdAtMs: Number(createdAt), sid };
}
