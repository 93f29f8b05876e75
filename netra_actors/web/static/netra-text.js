/**
 * Text, measured as the service measures it: lengths in characters are Unicode code points,
 * lengths in bytes are UTF-8, and both are cut between code points.
 */

const SMALL_PIECE = 1_024;

function bytesOf(codePoint) {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}

/** Count the bytes that *text* has in UTF-8. @param {string} text */
export function utf8Length(text) {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    // Each half of a surrogate pair stands for two of the pair's four bytes.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

/** Where in *text* its first *bytes* bytes end: in code units, rounded down or up. */
function unitsOf(text, bytes, { up }) {
  let index = 0;
  let left = bytes;
  while (index < text.length && left > 0) {
    const codePoint = text.codePointAt(index);
    left -= bytesOf(codePoint);
    if (left < 0 && !up) break;
    index += codePoint > 0xffff ? 2 : 1;
  }
  return index;
}

/** The first *limit* code points of *text*. @param {string} text @param {number} limit */
export function cut(text, limit) {
  if (text.length <= limit) return text;
  let index = 0;
  for (let count = 0; count < limit && index < text.length; count++) {
    index += text.codePointAt(index) > 0xffff ? 2 : 1;
  }
  return text.slice(0, index);
}

/** The longest beginning of *text* with at most *limit* bytes in UTF-8. */
export function cutBytes(text, limit) {
  if (text.length * 3 <= limit || utf8Length(text) <= limit) return text;
  return text.slice(0, unitsOf(text, limit, { up: false }));
}

/** Compare by code points, as Python does; JavaScript's own order is by code units. */
export function compareText(one, other) {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) {
    if (one.charCodeAt(index) !== other.charCodeAt(index)) {
      return one.codePointAt(index) - other.codePointAt(index);
    }
  }
  return one.length - other.length;
}

/**
 * The end of a growing text, bounded in UTF-8 bytes. Cutting after every piece leaves the same
 * as cutting once at the end, so it does not matter how a text was split.
 */
export class TextTail {
  /** @type {{text: string, bytes: number}[]} */
  #pieces = [];
  #bytes = 0;

  /** Add *text* and keep the last *limit* bytes. */
  append(text, limit) {
    const bytes = utf8Length(text);
    const last = this.#pieces.at(-1);
    // Tokens are a few bytes each; thousands of objects would weigh more than the text.
    if (last !== undefined && last.bytes < SMALL_PIECE) {
      last.text += text;
      last.bytes += bytes;
    } else {
      this.#pieces.push({ text, bytes });
    }
    this.#bytes += bytes;
    this.keep(limit);
  }

  /** Forget all but the last *limit* bytes. */
  keep(limit) {
    while (this.#bytes > limit) {
      const first = this.#pieces[0];
      const excess = this.#bytes - limit;
      const units =
        excess >= first.bytes ? first.text.length : unitsOf(first.text, excess, { up: true });
      const gone =
        units === first.text.length ? first.bytes : utf8Length(first.text.slice(0, units));
      this.#bytes -= gone;
      if (units === first.text.length) {
        this.#pieces.shift();
      } else {
        first.text = first.text.slice(units);
        first.bytes -= gone;
      }
    }
  }

  toString() {
    return this.#pieces.map((piece) => piece.text).join("");
  }
}
