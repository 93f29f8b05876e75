/**
 * Who the user is. In development the service hands out tokens for a name; in production a
 * token comes in the address's fragment or through the sign-in form, and stays in this tab.
 */

import { developmentToken } from "./api.js";

const USER_KEY = "netra.user";
const TOKEN_KEY = "netra.token";
const USER_FORM = /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$/;

function guest() {
  const bytes = crypto.getRandomValues(new Uint8Array(3));
  return "guest-" + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What a JWT says of its bearer, unverified: for display only. */
export function claimsOf(token) {
  try {
    const body = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(
      new TextDecoder().decode(Uint8Array.from(atob(body), (c) => c.charCodeAt(0))),
    );
  } catch {
    return {};
  }
}

/** The user's identity and token. */
export class Identity {
  #base;
  #permissions;
  #token = null;
  #pending = null;
  /** @type {"unknown" | "development" | "production"} */
  mode = "unknown";
  userId;

  /** @param {URL} base @param {string[] | undefined} permissions asked for in development */
  constructor(base, permissions = undefined) {
    this.#base = base;
    this.#permissions = permissions;
    this.#takeFragment();
    this.#token = sessionStorage.getItem(TOKEN_KEY);
    const asked = new URL(location.href).searchParams.get("user");
    if (asked !== null && USER_FORM.test(asked)) this.userId = asked;
    else this.userId = localStorage.getItem(USER_KEY) ?? guest();
    localStorage.setItem(USER_KEY, this.userId);
  }

  #takeFragment() {
    const fragment = new URLSearchParams(location.hash.slice(1));
    const token = fragment.get("token");
    if (token === null) return;
    sessionStorage.setItem(TOKEN_KEY, token);
    history.replaceState(null, "", location.pathname + location.search);
  }

  /** Where this user's settings are kept. */
  get displayName() {
    return this.#token === null ? this.userId : (claimsOf(this.#token).sub ?? this.userId);
  }

  /**
   * The token of the moment.
   *
   * @param {{rejected?: boolean}} why `rejected`: the last one was refused
   * @returns {Promise<string | null>} null: the user has to sign in
   */
  async token({ rejected = false } = {}) {
    if (rejected) this.#drop();
    const expires = (claimsOf(this.#token ?? "").exp ?? Infinity) * 1_000;
    if (this.#token !== null && expires - Date.now() > 30_000) return this.#token;
    if (this.mode === "production") return this.#token;
    this.#pending ??= this.#ask();
    try {
      return await this.#pending;
    } finally {
      this.#pending = null;
    }
  }

  async #ask() {
    const claims = { user_id: this.userId, permissions: this.#permissions };
    const token = await developmentToken(this.#base, claims);
    this.mode = token === null ? "production" : "development";
    if (token !== null) this.#token = token;
    return this.#token;
  }

  /** Sign in with a token from the form. @param {string} token */
  signIn(token) {
    sessionStorage.setItem(TOKEN_KEY, token);
    this.#token = token;
  }

  /** Be somebody else, in development. @returns {boolean} whether the name can be one */
  become(userId) {
    if (!USER_FORM.test(userId)) return false;
    localStorage.setItem(USER_KEY, userId);
    this.#drop();
    return true;
  }

  #drop() {
    sessionStorage.removeItem(TOKEN_KEY);
    this.#token = null;
  }
}
