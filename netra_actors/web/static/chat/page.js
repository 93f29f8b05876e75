/** The chat page's parts by name; the markup is in index.html. */

import { icon } from "./dom.js";

const byId = (id) => document.getElementById(id);

/** Find every part that the modules draw into, and give the buttons their icons. */
export function findParts() {
  byId("open-side").append(icon("menu"));
  byId("close-side").append(icon("close"));
  byId("new-thread").prepend(icon("plus"));
  byId("stop-all").prepend(icon("stop"));
  byId("observe").append(icon("activity"));
  return {
    title: byId("title"),
    welcome: byId("welcome"),
    starters: byId("starters"),
    newThread: byId("new-thread"),
    stopAll: byId("stop-all"),
    theme: byId("theme"),
    who: byId("who"),
    whoName: byId("who-name"),
    avatar: byId("avatar"),
    typing: byId("typing"),
    typingText: byId("typing-text"),
    notices: { box: byId("notices"), announcer: byId("announcer") },
    threads: { list: byId("threads"), empty: byId("threads-empty") },
    drawer: {
      side: byId("side"),
      opener: byId("open-side"),
      closer: byId("close-side"),
      shade: byId("shade"),
      main: byId("main"),
    },
    conversation: {
      scroller: byId("scroller"),
      list: byId("list"),
      jump: byId("jump"),
      earlier: byId("earlier"),
    },
    queue: { box: byId("queue"), list: byId("queue-list") },
    connection: {
      pill: byId("connection"),
      label: byId("connection-label"),
      strip: byId("strip"),
      hint: byId("strip-hint"),
      button: byId("strip-action"),
    },
    composer: {
      form: byId("composer"),
      input: byId("message"),
      send: byId("send"),
      stop: byId("stop"),
      files: byId("files"),
      fileInput: byId("file-input"),
      attach: byId("attach"),
      agent: byId("agent"),
      policy: byId("policy"),
      drop: byId("main"),
    },
  };
}
