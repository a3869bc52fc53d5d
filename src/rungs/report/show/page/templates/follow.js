// A page that is served asks what is new: what changes with each epoch is put in place, and for all
// else the page is read again.
(() => {
  "use strict";
  const seconds = Number(document.body.dataset.askAgain);
  const said = document.getElementById("said");
  const say = (words) => {
    if (said.textContent !== words) said.textContent = words;
    said.hidden = !words;
  };
  const shown = new Map();
  const put = (id, html) => {
    const old = document.getElementById(id);
    if (!old || shown.get(id) === html) return;
    shown.set(id, html);
    page.note(old);
    const focused = old.contains(document.activeElement) && document.activeElement.id;
    const made = document.createElement("template");
    made.innerHTML = html;
    const news = made.content.firstElementChild;
    old.replaceWith(news);
    page.put(news);
    page.watchBoxes(news);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  };
  const ask = async () => {
    if (page.busy()) return;
    let news;
    try {
      const answer = await fetch("state.json");
      if (!answer.ok) throw new Error(answer.statusText);
      news = await answer.json();
    } catch {
      say("This page is not kept up any more: rungs watch has ended or cannot be reached. What stands here is as it was last.");
      return;
    }
    if (news.page !== document.body.dataset.version) { page.again(); return; }
    say(news.problem);
    for (const [id, html] of Object.entries(news.parts)) put(id, html);
    for (const [id, words] of Object.entries(news.texts)) {
      const found = document.getElementById(id);
      if (found && found.textContent !== words) found.textContent = words;
    }
  };
  const follow = async () => {
    await ask();
    setTimeout(follow, 1000 * seconds);
  };
  setTimeout(follow, 1000 * seconds);
})();
