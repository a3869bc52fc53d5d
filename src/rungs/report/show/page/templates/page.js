// Everything can be read without this: it sorts tables, switches the colours and opens all for print.
const page = (() => {
  "use strict";
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const dark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = () => { theme.textContent = dark() ? "Light colours" : "Dark colours"; };
  theme.hidden = false;
  name();
  theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; name(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);

  const FACTORS = { k: 1e3, M: 1e6, G: 1e9 };
  const value = (row, column) => {
    const cell = row.cells[column];
    const text = (cell.dataset.value ?? cell.textContent).trim();
    const [, bound, digits, letter] = /^(<?)\s*([-+\d.,e]+)([kMG]?)/.exec(text) ?? [];
    const number = parseFloat((digits ?? "").replace(/,/g, "")) * (FACTORS[letter] ?? 1);
    return { text, number: bound ? number / 2 : number, empty: text === "" };
  };
  const compare = (a, b) => Number.isNaN(a.number) || Number.isNaN(b.number)
    ? a.text.localeCompare(b.text, "en", { numeric: true })
    : a.number - b.number;
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    const original = [...body.rows];
    heads.forEach((head, column) => {
      if (!head.textContent.trim() || head.dataset.still !== undefined) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const first = head.classList.contains("n") ? "descending" : "ascending";
        const second = first === "ascending" ? "descending" : "ascending";
        const now = head.getAttribute("aria-sort");
        const next = now === null ? first : now === first ? second : null;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (next === null) { body.append(...original); return; }
        head.setAttribute("aria-sort", next);
        const sign = next === "ascending" ? 1 : -1;
        body.append(...[...original].sort((one, two) => {
          const a = value(one, column), b = value(two, column);
          return a.empty || b.empty ? a.empty - b.empty : sign * compare(a, b);
        }));
      });
    });
  }

  // What does not scroll is no stop for the keyboard.
  const stops = () => document.querySelectorAll(".box").forEach((box) => {
    const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (scrolls) box.tabIndex = 0; else box.removeAttribute("tabindex");
  });
  const seen = new ResizeObserver(stops);
  const watchBoxes = (within) => within.querySelectorAll(".box").forEach((box) => seen.observe(box));
  watchBoxes(document);

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details[data-print]:not([open])")];
    opened.forEach((item) => { item.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((item) => { item.open = false; }));
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let item = target; item; item = item.parentElement)
      if (item instanceof HTMLDetailsElement) item.open = true;
    target?.scrollIntoView?.();
  };
  addEventListener("hashchange", reveal);
  reveal();

  // What was opened, chosen and switched, by names that another version of the page has too.
  const named = (within) => {
    const times = new Map();
    return [...within.querySelectorAll("details, input")].map((item) => {
      const near = item.parentElement.closest("[id]")?.id;
      const words = item.id || `${near} ${(item.querySelector("summary") ?? item).textContent.trim()}`;
      times.set(words, (times.get(words) ?? 0) + 1);
      return [`${words} ${times.get(words)}`, item, item.matches("input") ? "checked" : "open"];
    });
  };
  const states = new Map();  // also of what one page between two others did not have
  const note = (within) => {
    for (const [words, item, state] of named(within)) states.set(words, item[state]);
  };
  const put = (within) => {
    for (const [words, item, state] of named(within)) if (states.has(words)) item[state] = states.get(words);
  };

  // The page read again: all of that and where one reads stays.
  const place = `rungs ${location.pathname}`;
  const keep = () => {
    note(document);
    const theme = root.dataset.theme;
    sessionStorage.setItem(place, JSON.stringify({ x: scrollX, y: scrollY, theme, states: [...states] }));
  };
  const restore = () => {
    const kept = JSON.parse(sessionStorage.getItem(place));
    sessionStorage.removeItem(place);
    if (!kept) return;
    for (const [words, state] of kept.states) states.set(words, state);
    put(document);
    if (kept.theme) { root.dataset.theme = kept.theme; name(); }
    history.scrollRestoration = "manual";
    scrollTo({ left: kept.x, top: kept.y, behavior: "instant" });
  };
  const busy = () => document.hidden || !getSelection().isCollapsed;  // nobody looks, or somebody copies
  const again = () => { keep(); location.reload(); };
  const seconds = Number(document.body.dataset.refresh);  // of the file of an unfinished study
  // A browser may keep nothing for a file: then it is left as it is.
  try {
    restore();
    if (seconds) setInterval(() => { if (!busy()) again(); }, 1000 * seconds);
  } catch { /* as it was written */ }
  return { again, busy, note, put, watchBoxes };
})();
