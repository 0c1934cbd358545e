// Makes pages quicker; all of them work without it. Links and the filter swap the main part of the page, new figures come
// by themselves, and marks of charts tell their values.
const root = document.documentElement;
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const main = () => one("#main");
const say = (text) => {
  one("#status").textContent = text;
};
const PAGES = /^\/(overview|products|regions|customers|quality)?$/;
const FOCUSABLE = "a, button, input, select, summary, [tabindex]";

// What somebody has open, typed and scrolled to, by the nearest element with an id; put back after a swap.
function remember() {
  const focused = document.activeElement;
  const anchor = main().contains(focused) && focused.closest("[id]:not(svg *)");
  return {
    open: all("details[open][id]", main()).map((details) => details.id),
    typed: all("input[type=search]", main()).map((input) => [input.id, input.value]),
    scrolled: all("details[id] .members, .scroll > table[id]", main()).map((box) => {
      const scroller = box.closest(".scroll") ?? box;
      return [box.closest("[id]").id, scroller.scrollTop, scroller.scrollLeft];
    }),
    focus: anchor && [anchor.id, all(FOCUSABLE, anchor).indexOf(focused), focused.name, focused.value],
    y: scrollY,
  };
}

function restore({ open, typed, scrolled, focus }) {
  const byId = (id) => document.getElementById(id);
  for (const id of open) if (byId(id)) byId(id).open = true;
  for (const [id, value] of typed) {
    if (!value || !byId(id)) continue;
    byId(id).value = value;
    search(byId(id));
    more(byId(id));
  }
  for (const [id, top, left] of scrolled) {
    const box = byId(id)?.matches("table") ? byId(id).closest(".scroll") : byId(id) && one(".members", byId(id));
    if (box) [box.scrollTop, box.scrollLeft] = [top, left];
  }
  if (!focus) return;
  const [id, index, name, value] = focus;
  const anchor = byId(id);
  if (!anchor) return main().focus({ preventScroll: true });
  // A box that was ticked moves to the top of its list.
  const same = name && all("input", anchor).find((input) => input.name === name && input.value === value);
  (same ?? all(FOCUSABLE, anchor)[index] ?? anchor).focus({ preventScroll: true });
}

// Gets a page and shows its main part.
let underway;
async function show(url, { push = false, quiet = false, y } = {}) {
  underway?.abort();
  const mine = (underway = new AbortController());
  const busy = setTimeout(() => main().setAttribute("aria-busy", "true"), quiet ? 1e9 : 120);
  try {
    const response = await fetch(url, { signal: mine.signal, headers: { accept: "text/html" } });
    const next = new DOMParser().parseFromString(await response.text(), "text/html");
    if (mine !== underway) return;
    if (!one("#main", next)) throw new Error("not a page of ours");
    const kept = remember();
    const changes = main().dataset.page !== one("#main", next).dataset.page;
    if (push && response.url !== location.href) {
      history.replaceState({ y: kept.y }, "");
      history.pushState({}, "", response.url);
    }
    document.title = next.title;
    one("#pages").replaceWith(one("#pages", next));
    main().replaceWith(one("#main", next));
    enhance();
    if (changes && !quiet) {
      main().focus({ preventScroll: true });
      scrollTo(0, y ?? 0);
    } else {
      restore(kept);
      scrollTo(0, y ?? kept.y);
    }
    say(quiet ? "New figures are shown." : `${document.title} is shown.`);
  } catch (error) {
    if (error.name === "AbortError") return;
    // Without a connection the figures stay; the browser says what is wrong with a link.
    if (!quiet) location.assign(url);
  } finally {
    clearTimeout(busy);
    main().removeAttribute("aria-busy");
  }
}

// What only makes sense with a script, after every swap.
function enhance() {
  for (const element of all("#share, #filters, .search")) element.hidden = false;
  one("#filters")?.setAttribute("aria-expanded", root.classList.contains("filtering"));
  for (const time of all("time[data-ago]")) ago(time);
}

function search(input) {
  const wanted = input.value.trim().toLowerCase();
  const members = all(".members li", input.closest(".panel"));
  for (const member of members) member.hidden = !member.textContent.toLowerCase().includes(wanted);
  one(".none", input.closest(".panel")).hidden = members.some((member) => !member.hidden);
}

// A long list shows a part; the server knows the rest.
let asking;
function more(input) {
  clearTimeout(asking);
  const { more: field } = input.dataset;
  if (!field || input.value.trim().length < 2) return;
  asking = setTimeout(async () => {
    const answer = await fetch(`/members/${field}?q=${encodeURIComponent(input.value.trim())}`).catch(() => undefined);
    if (!answer?.ok || !input.isConnected) return;
    const list = one(".members", input.closest(".panel"));
    const known = new Set(all("input", list).map((box) => box.value));
    const found = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const member of all("li", found)) if (!known.has(one("input", member).value)) list.append(member);
    search(input);
  }, 200);
}

function ago(time) {
  const minutes = Math.round((Date.now() - new Date(time.dateTime)) / 6e4);
  const [count, unit] =
    minutes < 60 ? [minutes, "minute"] : minutes < 2880 ? [Math.round(minutes / 60), "hour"] : [Math.round(minutes / 1440), "day"];
  time.dataset.exact ??= time.textContent;
  time.textContent = `${time.dataset.exact} (${new Intl.RelativeTimeFormat("en").format(-count, unit)})`;
}
setInterval(() => all("time[data-ago]").forEach(ago), 6e4);

// Links and Back.
history.scrollRestoration = "manual";
addEventListener("click", (event) => {
  for (const details of all("details[name][open]")) if (!details.contains(event.target)) details.open = false;
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const href = link.getAttribute("href");
  const url = new URL(href, location.href);
  if (href.startsWith("#") || url.origin !== location.origin || !PAGES.test(url.pathname)) return;
  event.preventDefault();
  show(url.href, { push: true });
});
addEventListener("popstate", (event) => {
  // A jump within the page is none of ours.
  if (event.state || !location.hash) show(location.href, { y: event.state?.y ?? 0 });
});

// The filter sends itself.
let soon;
function send(form) {
  clearTimeout(soon);
  if (!form.checkValidity()) return;
  const fields = [...new FormData(form)].filter(([name, value]) => value !== "" && name !== "was");
  const query = new URLSearchParams(fields).toString();
  show(form.getAttribute("action") + (query && `?${query}`), { push: true });
}
addEventListener("submit", (event) => {
  if (event.target.id !== "filter") return;
  event.preventDefault();
  send(event.target);
});
addEventListener("change", ({ target }) => {
  const form = target.form;
  if (form?.id !== "filter" || !target.name) return;
  // Named days and typed ones are one choice.
  if (target.name === "dates" && target.value) form.elements.from.value = form.elements.to.value = "";
  if (target.type === "date") form.elements.dates.selectedIndex = -1;
  clearTimeout(soon);
  soon = setTimeout(() => form.isConnected && send(form), target.type === "date" ? 700 : 200);
});
addEventListener("input", ({ target }) => {
  if (!target.matches(".search")) return;
  search(target);
  more(target);
});
addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches?.(".search")) event.preventDefault();
  if (event.key !== "Escape") return;
  hideTip();
  const open = one("details[name][open]");
  if (!open) return;
  open.open = false;
  one("summary", open).focus();
});

// Tooltips, under the pointer or beside what has the focus.
const tip = document.body.appendChild(Object.assign(document.createElement("div"), { id: "tip", hidden: true }));
tip.setAttribute("aria-hidden", "true");
let untitled;
function hideTip() {
  tip.hidden = true;
  if (untitled) untitled.mark.prepend(untitled.title);
  untitled = undefined;
}
function showTip(mark, x, y) {
  if (untitled?.mark !== mark) {
    hideTip();
    // The browser would show a second one, and only under the pointer: who cannot see it keeps the name.
    const title = !mark.matches(":focus") && one(":scope > title", mark);
    if (title) {
      untitled = { mark, title };
      title.remove();
    }
  }
  tip.textContent = mark.dataset.tip;
  tip.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = tip;
  tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - width - 8))}px`;
  tip.style.top = `${y - height - 12 < 8 ? y + 18 : y - height - 12}px`;
}
addEventListener("pointermove", (event) => {
  const mark = event.target.closest?.("[data-tip]");
  if (mark) showTip(mark, event.clientX, event.clientY);
  else hideTip();
});
addEventListener("focusin", ({ target }) => {
  if (!target.matches("[data-tip]:focus-visible")) return hideTip();
  const { right, top } = target.getBoundingClientRect();
  showTip(target, right - 14, top + 12);
});
addEventListener("scroll", hideTip, { passive: true });

// Theme and address.
const isDark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const theme = one("#theme");
const nameTheme = () => (theme.textContent = isDark() ? "Light" : "Dark");
theme.hidden = false;
theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // It holds until the page is left.
  }
  nameTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
addEventListener("click", async ({ target }) => {
  if (target.id === "filters") target.setAttribute("aria-expanded", root.classList.toggle("filtering"));
  if (target.id !== "share") return;
  try {
    await navigator.clipboard.writeText(location.href);
    target.textContent = "Copied";
    say("The link is copied.");
    setTimeout(() => (target.textContent = "Copy link"), 2000);
  } catch {
    prompt("Copy this link", location.href);
  }
});

// New figures, as soon as they are there.
function refresh() {
  // Not under somebody's fingers.
  if (document.activeElement?.matches("input[type=date], select")) return document.activeElement.addEventListener("blur", refresh, { once: true });
  show(location.href, { quiet: true });
}
let events;
function listen() {
  events?.close();
  events = new EventSource("/events");
  events.addEventListener("load", ({ data }) => data !== main().dataset.load && refresh());
  events.addEventListener("health", refresh);
  // A server that says no is asked again; of lost connections the browser takes care.
  const mine = events;
  mine.addEventListener("error", () => mine === events && mine.readyState === EventSource.CLOSED && setTimeout(listen, 5000));
}
// Browsers keep pages that were left, streams and all, and open six connections to a server at most: the seventh page would wait.
addEventListener("pagehide", () => {
  events?.close();
  events = undefined;
});
addEventListener("pageshow", ({ persisted }) => persisted && (listen(), refresh()));

enhance();
nameTheme();
listen();
