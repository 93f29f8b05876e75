/** What the static files may and may not contain. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../../netra_actors/web/static/", import.meta.url));
const walk = (folder) =>
  readdirSync(folder).flatMap((name) => {
    const full = path.join(folder, name);
    return statSync(full).isDirectory() ? walk(full) : [full];
  });
const files = walk(ROOT);
const withEnd = (end) => files.filter((file) => file.endsWith(end));
const read = (file) => readFileSync(file, "utf8");
const named = (file) => path.relative(ROOT, file);

test("every module parses", async () => {
  assert.ok(withEnd(".js").length > 20);
  const check = promisify(execFile);
  await Promise.all(withEnd(".js").map((file) => check(process.execPath, ["--check", file])));
});

test("every import is a file that is here, relative", () => {
  for (const file of withEnd(".js")) {
    for (const [, target] of read(file).matchAll(/^(?:import|export)[^"']*?from "([^"]+)"/gm)) {
      assert.match(target, /^\.\.?\//, `${named(file)} imports ${target}`);
      assert.ok(
        existsSync(path.resolve(path.dirname(file), target)),
        `${named(file)} imports ${target}`,
      );
    }
  }
});

test("no module is longer than 300 lines, and none parses markup or runs text", () => {
  const forbidden =
    /\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function|DOMParser|setAttribute\("on)\b/;
  for (const file of withEnd(".js")) {
    assert.ok(read(file).split("\n").length <= 301, named(file));
    assert.doesNotMatch(read(file), forbidden, named(file));
  }
});

test("every module begins with what it is, and documents what it exports", () => {
  for (const file of withEnd(".js")) {
    const text = read(file);
    assert.ok(text.startsWith("/**"), named(file));
    for (const { index } of text.matchAll(/^export (async )?(function|class|const)/gm)) {
      assert.ok(
        text.slice(0, index).trimEnd().endsWith("*/"),
        `${named(file)}: ${text.slice(index, index + 50)}`,
      );
    }
  }
});

test("pages have no inline script, style or handler, and load nothing from elsewhere", () => {
  assert.equal(withEnd(".html").length, 2);
  for (const file of withEnd(".html")) {
    const text = read(file);
    assert.doesNotMatch(text, /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/i, named(file));
    assert.doesNotMatch(text, /(?:src|href)="(?:https?:)?\/\//i, named(file));
    for (const [, target] of text.matchAll(/(?:src|href)="static\/([^"]+)"/g))
      assert.ok(existsSync(path.join(ROOT, target)), target);
  }
  for (const file of withEnd(".css"))
    assert.doesNotMatch(read(file), /@import|url\(\s*["']?(?:https?:)?\/\//i, named(file));
});
