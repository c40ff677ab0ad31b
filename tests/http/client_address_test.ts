import assert from "node:assert/strict";
import { createClientResolver } from "../../src/http/client_address.ts";

const headers = (fields: Record<string, string>) => ({
  get: (name: string) => fields[name] ?? null,
});

Deno.test("a peer in our own network that forwards and is not trusted is told of once", () => {
  const told: string[] = [];
  const clientOf = createClientResolver(["10.0.0.1"], (peer) => told.push(peer));
  const forwarded = headers({ "x-forwarded-for": "203.0.113.9" });
  assert.equal(clientOf(headers({}), "10.0.0.7").address, "10.0.0.7");
  assert.equal(clientOf(forwarded, "10.0.0.1").address, "203.0.113.9");
  assert.equal(clientOf(forwarded, "198.51.100.4").address, "198.51.100.4");
  assert.deepEqual(told, [], "neither the trusted one, nor anybody on the Internet");
  assert.equal(clientOf(forwarded, "10.0.0.7").address, "10.0.0.7");
  clientOf(headers({ forwarded: "for=203.0.113.9" }), "192.168.1.1");
  assert.deepEqual(told, ["10.0.0.7"]);
});
