// Keeps the page fresh without a reload: what is being typed, opened, focused or selected stays.
"use strict";

(() => {
  const EVERY = 10_000; // milliseconds
  const note = document.getElementById("refresh");
  const pause = document.getElementById("pause");
  let paused = false;
  let running = false;
  let refreshed = new Date();

  function announce(text) {
    if (note.textContent !== text) note.textContent = text;
  }

  function isBeingRead(live) {
    const selection = window.getSelection();
    return selection && !selection.isCollapsed && live.contains(selection.anchorNode);
  }

  /** The element of another version of the page that stands for one of this; null if none does. */
  function counterpart(element, live) {
    if (element.id) return live.querySelector(`#${CSS.escape(element.id)}`);
    if (element.tagName === "SUMMARY") {
      return live.querySelector(`#${CSS.escape(element.parentElement.id)} > summary`);
    }
    const href = element.getAttribute("href");
    return href && live.querySelector(`a[href="${CSS.escape(href)}"]`);
  }

  function swap(live, fresh) {
    for (const details of live.querySelectorAll("details[id]")) {
      const same = counterpart(details, fresh);
      if (same) same.open = details.open;
    }
    const focused = live.contains(document.activeElement) ? document.activeElement : null;
    const focusable = focused && counterpart(focused, fresh);
    live.replaceChildren(...fresh.childNodes);
    if (focusable) focusable.focus({ preventScroll: true });
  }

  async function refresh() {
    const live = document.getElementById("live");
    if (paused || running || document.hidden || isBeingRead(live)) return;
    running = true;
    try {
      const response = await fetch(location.href, { cache: "no-store" });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.getElementById("live");
      if (!fresh) throw new Error("another page");
      if (paused || isBeingRead(live)) return; // meanwhile
      swap(live, fresh);
      refreshed = new Date();
      announce("");
    } catch {
      announce(`The exporter does not answer; this is as of ${refreshed.toLocaleTimeString()}.`);
    } finally {
      running = false;
    }
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    if (!paused) refresh();
  });
  document.addEventListener("visibilitychange", refresh);
  setInterval(refresh, EVERY);
})();
