/**
 * Stands in for `@upstash/redis/cloudflare` in the bundle of the Worker (`[alias]` in
 * wrangler.toml): its HTTP client and its errors, without the 200 commands that no bundler can
 * tell from those in use, and without its pipelines: those would have requests wait for the
 * answer to another one's, which this runtime forbids. The name of the file below belongs to one
 * version of the library; another one stops the bundling.
 *
 * @module
 */
import { error_exports, HttpClient } from "../../../node_modules/@upstash/redis/chunk-4WQYU7T6.mjs";

/** What `store/upstash/client.ts` asks of the library, each as the library does it. */
export class Redis {
  #http;

  constructor({ url, token, ...options }) {
    const headers = { authorization: `Bearer ${token}` };
    this.#http = new HttpClient({ ...options, baseUrl: url, headers });
  }

  async exec(command) {
    const { result, error } = await this.#http.request({ body: command });
    if (error) throw new error_exports.UpstashError(error);
    if (result === undefined) throw new TypeError("Request did not return a result");
    return result;
  }

  eval(source, keys, args) {
    return this.exec(["eval", source, keys.length, ...keys, ...args]);
  }

  evalsha(digest, keys, args) {
    return this.exec(["evalsha", digest, keys.length, ...keys, ...args]);
  }
}
