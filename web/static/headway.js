// Keeps a page current: when the service says that something changed, the page is asked for anew and its main part
// is put in place of the old one.  What somebody types, marks or is about to decide is left alone until they say so.
// Without this the pages show the same when they are loaded.
(() => {
  "use strict";
  const main = document.getElementById("main");
  const live = document.getElementById("live");
  if (!main || !live || !main.dataset.mark || !window.EventSource) return;

  const SOON = 400, AGAIN = 60000, FADES = 20000, QUIETLY = 120000;
  let stream = null, later = 0, fading = 0, asking = false, changed = false;

  function say(words, button) {
    clearTimeout(fading);
    live.replaceChildren(words);
    if (button) live.append(" ", button);
    else if (words) fading = setTimeout(() => live.replaceChildren(), FADES);
  }

  function hold(page) {
    const form = page.querySelector("#hold-form");
    return form ? form.elements.hold.value + " " + form.elements.expect.value : "";
  }

  function typed(control) {
    if (control.type === "hidden" || control.tagName === "BUTTON") return false;
    if (control.tagName === "SELECT") {
      const usual = [...control.options].find((each) => each.defaultSelected) || control.options[0];
      return Boolean(usual) && control.value !== usual.value;
    }
    return control.value !== control.defaultValue;
  }

  // Whether a swap would take something away under somebody's hands.
  function busy(fresh) {
    const mark = document.getSelection();
    const marks = mark && !mark.isCollapsed && main.contains(mark.anchorNode);
    const field = main.querySelector("input:focus, textarea:focus, select:focus");
    const controls = [...main.querySelectorAll("input, textarea, select")];
    return marks || field || controls.some(typed) || hold(main) !== hold(fresh);
  }

  function nameOf(details) {
    return details.id || details.querySelector("summary").textContent;
  }

  function focusedIn(page) {
    const here = document.activeElement;
    if (!here || here === main || !page.contains(here)) return null;
    const alike = (each) => each.tagName === here.tagName && each.textContent === here.textContent;
    const number = [...page.querySelectorAll(here.tagName)].filter(alike).indexOf(here);
    return (fresh) => (here.id && document.getElementById(here.id)) ||
      [...fresh.querySelectorAll(here.tagName)].filter(alike)[number] || main;
  }

  // What is at the top of the window stays there, whatever grew above it.
  function anchor() {
    const seen = [...main.querySelectorAll("[id]")].find((each) => each.getBoundingClientRect().bottom > 0);
    const id = seen && seen.id, top = seen ? seen.getBoundingClientRect().top : 0;
    return () => {
      const now = id && document.getElementById(id);
      if (now && window.scrollY > 0) window.scrollBy(0, now.getBoundingClientRect().top - top);
    };
  }

  function swap(page) {
    const fresh = page.getElementById("main");
    const open = new Map([...main.querySelectorAll("details")].map((each) => [nameOf(each), each.open]));
    const kept = [...main.querySelectorAll("input, textarea, select")].filter((each) => each.id && typed(each));
    const focus = focusedIn(main), stay = anchor();
    main.replaceChildren(...document.adoptNode(fresh).childNodes);
    main.dataset.mark = fresh.dataset.mark;
    for (const each of main.querySelectorAll("details")) {
      if (open.has(nameOf(each))) each.open = open.get(nameOf(each));
    }
    for (const each of kept) {
      const now = document.getElementById(each.id);
      if (now) now.value = each.value;
    }
    document.title = page.title;
    const foot = document.querySelector("footer.site"), anew = page.querySelector("footer.site");
    if (foot && anew) foot.replaceChildren(...document.adoptNode(anew).childNodes);
    if (focus) focus(main).focus({ preventScroll: true });
    stay();
  }

  function differs(fresh) {
    return fresh.dataset.mark !== main.dataset.mark;
  }

  async function refresh(force) {
    if (asking) return;
    asking = true;
    changed = false;
    try {
      const answer = await fetch(location.pathname + location.search, { cache: "no-store", headers: { accept: "text/html" } });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("main");
      if (!fresh || !fresh.dataset.mark) return;
      const news = differs(fresh);
      if (!force && busy(fresh)) {
        if (!news) return;
        const show = document.createElement("button");
        show.id = "show-changes";
        show.textContent = "Show it";
        show.addEventListener("click", () => refresh(true));
        say("Something changed meanwhile.", show);
        return;
      }
      swap(page);
      if (news || force) say("Updated just now.");
    } catch {
      // the stream says when it answers again
    } finally {
      asking = false;
      if (changed) soon();
    }
  }

  function soon() {
    changed = true;
    setTimeout(() => { if (changed) refresh(false); }, SOON);
  }

  function listen() {
    clearTimeout(later);
    if (stream || document.hidden) return;
    stream = new EventSource("/events?since=" + encodeURIComponent(main.dataset.mark));
    stream.addEventListener("changed", soon);
    stream.addEventListener("error", () => {
      if (stream && stream.readyState === EventSource.CLOSED) {
        stop();
        later = setTimeout(listen, AGAIN);
      }
    });
  }

  // A browser opens few connections to one place: pages that nobody sees give theirs back.
  function stop() {
    clearTimeout(later);
    if (stream) stream.close();
    stream = null;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : listen()));
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", listen);
  setInterval(() => { if (!document.hidden) refresh(false); }, QUIETLY);
  listen();
})();
