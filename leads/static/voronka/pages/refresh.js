// Parts that keep themselves fresh: <div data-refresh="/address" data-every="5">. data-every="0": fetched once.

const SLOWEST_SECONDS = 60;

async function refresh(part) {
  const answer = await fetch(part.dataset.refresh, { headers: { "X-Requested-With": "fetch" } });
  // Signed out meanwhile: the login page came instead of the part.
  if (answer.redirected) return location.reload();
  if (!answer.ok) throw new Error(String(answer.status));
  const html = await answer.text();
  // Untouched while nothing changed or somebody works in it: focus and selection stay.
  if (html === part.lastHtml || (part.contains(document.activeElement) && part.lastHtml)) return;
  part.lastHtml = html;
  const template = document.createElement("template");
  template.innerHTML = html;
  // What `data-whole` says concerns the whole page: another state has other forms around it.
  const whole = (root) => root.querySelector("[data-whole]")?.dataset.whole;
  if (whole(part) !== undefined && whole(part) !== whole(template.content)) return location.reload();
  part.replaceChildren(template.content);
}

async function keepFresh(part) {
  const every = Number(part.dataset.every || 5);
  let wait = every;
  for (;;) {
    if (!document.hidden) {
      try {
        await refresh(part);
        part.removeAttribute("aria-busy");
        wait = every;
      } catch {
        const failed = part.querySelector("[data-failed]");
        if (failed) failed.hidden = false;
        wait = Math.min(Math.max(wait, 1) * 2, SLOWEST_SECONDS);
      }
    }
    if (!every && !part.querySelector("[data-failed]:not([hidden])")) return;
    await new Promise((done) => setTimeout(done, wait * 1000));
  }
}

for (const part of document.querySelectorAll("[data-refresh]")) keepFresh(part);
