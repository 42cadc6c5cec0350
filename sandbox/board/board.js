// The sandbox's board: draws what /_sandbox/state tells, once a second, and sends back what a person does.
"use strict";

const $ = (id) => document.getElementById(id);
const state = { data: null, account: "", pipeline: 0, dragging: false, open: new Set(), drawn: {}, known: new Map() };

// A small builder, so that no text of a deal is ever read as HTML.
function make(tag, props = {}, ...children) {
  const { data, style, ...rest } = props;
  const node = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(data ?? {})) node.dataset[name] = value;
  for (const [name, value] of Object.entries(style ?? {})) node.style.setProperty(name, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function say(text) {
  $("said").textContent = text;
  $("said").classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => $("said").classList.remove("shown"), 2600);
}

async function call(method, path, body) {
  const address = `/_sandbox/${path}${path.includes("?") ? "&" : "?"}account=${state.account}`;
  const answer = await fetch(address, { method, body: body === undefined ? undefined : JSON.stringify(body) });
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.detail);
  return data;
}

async function act(method, path, body, told) {
  try {
    await call(method, path, body);
    if (told) say(told);
  } catch (error) {
    say(error.message);
  }
  await refresh();
}

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");
const money = (amount) => `${Math.round(amount).toLocaleString("ru-RU")} ${state.data.account.currency_symbol}`;
const stagesOf = (id) => state.data.account.pipelines.find((pipeline) => pipeline.id === id)?.stages ?? [];

// Each part is drawn anew only when what it shows has changed, so focus, scrolling and open bodies stay.
function changed(part, shown) {
  const text = JSON.stringify(shown);
  if (state.drawn[part] === text) return false;
  state.drawn[part] = text;
  return true;
}

function drawTop() {
  const { accounts, requests, max_in_any_second: most } = state.data;
  if (changed("accounts", accounts.map((account) => [account.id, account.name]))) {
    $("account").replaceChildren(...accounts.map((account) =>
      make("option", { value: account.id, textContent: `${account.name} (${account.subdomain})` })));
    $("account").value = state.data.account.id;
    $("account").closest("label").hidden = accounts.length < 2;
  }
  $("pulse").textContent = `${requests.toLocaleString("en")} ${requests === 1 ? "request" : "requests"}, at most ${most} in a second`;
}

function drawPipelines() {
  const { pipelines } = state.data.account;
  if (!pipelines.some((pipeline) => pipeline.id === state.pipeline)) state.pipeline = pipelines[0]?.id ?? 0;
  if (!changed("pipelines", [pipelines, state.pipeline])) return;
  $("pipelines").replaceChildren(...pipelines.map((pipeline) => {
    const tab = make("button", { type: "button", role: "tab", textContent: pipeline.name });
    tab.setAttribute("aria-selected", pipeline.id === state.pipeline);
    tab.onclick = () => { state.pipeline = pipeline.id; draw(); };
    return tab;
  }));
}

function drawBoard() {
  const { account } = state.data;
  if (state.dragging || !changed("board", [account.deal_list, account.pipelines, state.pipeline])) return;
  const focused = document.activeElement?.dataset?.deal;
  const tops = Object.fromEntries([...document.querySelectorAll(".cards")].map((list) => [list.dataset.stage, list.scrollTop]));
  const deals = account.deal_list.filter((deal) => deal.pipeline_id === state.pipeline);
  $("board").replaceChildren(...stagesOf(state.pipeline).map((stage) =>
    column(stage, deals.filter((deal) => deal.status_id === stage.id))));
  for (const list of document.querySelectorAll(".cards")) list.scrollTop = tops[list.dataset.stage] ?? 0;
  if (focused) document.querySelector(`[data-deal="${focused}"]`)?.focus();
  for (const deal of account.deal_list) state.known.set(deal.id, JSON.stringify(deal));
}

function column(stage, deals) {
  const sum = deals.reduce((total, deal) => total + deal.price, 0);
  const title = make("h2", {}, stage.name, make("small", { textContent: `${deals.length} · ${money(sum)}` }));
  const list = make("ul", { className: "cards", data: { stage: stage.id } }, ...deals.map(card));
  const empty = stage.type === 1 && !deals.length;
  const node = make("section", { className: empty ? "column narrow" : "column", ariaLabel: stage.name, style: { "--stage": stage.color } }, title, list);
  node.ondragover = (event) => { event.preventDefault(); node.classList.add("over"); };
  node.ondragleave = (event) => { if (!node.contains(event.relatedTarget)) node.classList.remove("over"); };
  node.ondrop = (event) => {
    event.preventDefault();
    node.classList.remove("over");
    move(Number(event.dataTransfer.getData("text/plain")), stage);
  };
  return node;
}

function card(deal) {
  const person = deal.contacts[0];
  const utm = ["UTM_SOURCE", "UTM_CAMPAIGN"].map((code) => deal.fields[code]).filter(Boolean);
  const chips = [
    ...utm.map((text) => make("span", { className: "chip", textContent: text, title: text })),
    ...deal.tags.map((text) => make("span", { className: "chip tag", textContent: text })),
  ];
  const phone = person?.phones[0];
  const node = make("li", { className: "card", draggable: true, tabIndex: 0, data: { deal: deal.id } },
    make("strong", { textContent: deal.name || `#${deal.id}` }),
    make("p", { textContent: person?.name ?? "no contact" }),
    make("p", { className: "row" }, make("span", { className: "soft", textContent: phone ?? "no phone" }),
      make("span", { className: "price", textContent: deal.price ? money(deal.price) : "—" })),
    chips.length ? make("div", { className: "chips" }, ...chips) : null);
  node.setAttribute("role", "button");
  node.setAttribute("aria-label", `${deal.name}, ${money(deal.price)}. Enter to open, arrow keys to move.`);
  if (state.known.size && state.known.get(deal.id) !== JSON.stringify(deal)) node.classList.add("fresh");
  node.onclick = () => openDeal(deal);
  node.onkeydown = (event) => {
    if (event.key === "Enter") openDeal(deal);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const stages = stagesOf(deal.pipeline_id);
    const next = step && stages[stages.findIndex((stage) => stage.id === deal.status_id) + step];
    if (next) { event.preventDefault(); move(deal.id, next); }
  };
  node.ondragstart = (event) => {
    state.dragging = true;
    node.classList.add("dragged");
    event.dataTransfer.setData("text/plain", deal.id);
    event.dataTransfer.effectAllowed = "move";
  };
  node.ondragend = () => { state.dragging = false; node.classList.remove("dragged"); refresh(); };
  return node;
}

function move(id, stage) {
  state.dragging = false;
  return act("PATCH", `deals/${id}`, { status_id: stage.id, pipeline_id: state.pipeline }, `Moved to “${stage.name}”`);
}

function drawBin() {
  const { bin } = state.data.account;
  if (!changed("bin", bin)) return;
  $("bin").hidden = !bin.length;
  $("bin").replaceChildren(make("span", { className: "soft", textContent: "Deleted:" }), ...bin.map((deal) => {
    const button = make("button", { type: "button", textContent: `Restore “${deal.name}”` });
    button.onclick = () => act("POST", `deals/${deal.id}/restore`, {}, "Restored");
    return button;
  }));
}

function drawHooks() {
  const { deliveries, account } = state.data;
  $("hooks-count").textContent = deliveries.length || "";
  if (!changed("hooks", [deliveries, account.hook_list])) return;
  const hooks = account.hook_list.map((hook) => {
    const box = toggle("Switched on", hook.destination, !hook.disabled, "good", (on) =>
      act("PATCH", "hooks", { destination: hook.destination, disabled: !on }));
    const names = make("p", { textContent: hook.settings.join(", ") });
    return make("div", { className: "address" }, box, names);
  });
  const empty = account.hook_list.length ? "No hook yet: change a deal." : "Nobody listens yet: connect an integration, and it registers its hook here.";
  $("hooks").replaceChildren(...hooks, ...deliveries.map(delivery),
    ...(deliveries.length ? [] : [make("p", { className: "empty", textContent: empty })]));
}

// `leads[add][0][name]=x` as a heading `leads[add][0]` over `[name]  x`.
function pretty(fields) {
  const groups = new Map();
  for (const [key, value] of Object.entries(fields)) {
    const [, head, rest] = key.match(/^(account|\w+\[\w+\]\[\d+\])?(.*)$/);
    if (!groups.has(head)) groups.set(head, make("dl"));
    groups.get(head).append(make("dt", { textContent: rest }), make("dd", { textContent: value }));
  }
  return [...groups].flatMap(([head, list]) => [make("h3", { textContent: head ?? "body" }), list]);
}

function delivery(sent) {
  const last = sent.attempts.at(-1);
  const mark = last ? (last.status || last.error || "no answer") : sent.state;
  const node = make("details", { className: "hook", open: state.open.has(sent.number) },
    make("summary", {}, make("span", { className: `status ${sent.state}`, textContent: mark }),
      make("code", { textContent: sent.what }), make("time", { textContent: clock(sent.created_at) })));
  const tries = sent.attempts.map((one) => `${clock(one.at)} → ${one.status || one.error} in ${one.ms} ms`).join(", ");
  node.append(make("div", { className: "body" },
    make("p", { textContent: `To ${sent.destination}` }),
    make("p", { className: "soft", textContent: `${sent.state}${tries ? `: ${tries}` : ""}` }),
    ...pretty(sent.fields)));
  node.ontoggle = () => state.open[node.open ? "add" : "delete"](sent.number);
  return node;
}

function drawMessages() {
  const { messages } = state.data;
  $("messages-count").textContent = messages.length || "";
  if (!changed("messages", messages)) return;
  const bubbles = messages.map((message) => make("div", { className: "bubble" }, message.text,
    make("footer", {}, make("span", { textContent: `to ${message.chat_id}` }), make("time", { textContent: clock(message.at) }))));
  $("messages").replaceChildren(...(bubbles.length ? bubbles :
    [make("p", { className: "empty", textContent: "No message yet: win a deal, and the sale is told here." })]));
}

function toggle(title, hint, on, kind, set) {
  const box = make("input", { type: "checkbox", checked: on });
  box.onchange = () => set(box.checked);
  return make("label", { className: `switch ${kind}` }, make("span", {}, title, make("small", { textContent: hint })), box);
}

function press(title, hint, text, run) {
  const button = make("button", { type: "button", textContent: text });
  button.onclick = run;
  return make("div", { className: "switch" }, make("span", {}, title, make("small", { textContent: hint })), button);
}

function drawFaults() {
  const { faults, account, blocked } = state.data;
  const { hooks, api } = faults;
  const armed = [hooks.lose_next, hooks.silent_next, hooks.double_next, hooks.off, ...api, blocked, !account.is_paid].filter(Boolean).length;
  $("faults-count").textContent = armed || "";
  if (!changed("faults", [faults, account.is_api_filter_enabled, account.is_paid, blocked])) return;
  const more = (name) => () => act("PATCH", "faults", { [name]: hooks[name] + 1 });
  const count = (name, word) => (hooks[name] ? `${word} (${hooks[name]})` : word);
  const rule = (title, hint, kind, order) => toggle(title, hint, api.some((one) => one.kind === kind && (kind !== "status" || one.status === order.status)), "", (on) =>
    on ? act("POST", "faults", order) : act("DELETE", `faults?kind=${kind}`));
  $("faults").replaceChildren(
    make("h2", { textContent: "Hooks" }),
    press("Lose the next hook", "amoCRM means to send it, and it never comes", count("lose_next", "Lose"), more("lose_next")),
    press("Silent change", "the next change makes no hook at all", count("silent_next", "Arm"), more("silent_next")),
    press("Send the next hook twice", "as its retries do", count("double_next", "Double"), more("double_next")),
    toggle("No hooks at all", "changes go unheard until this is off", hooks.off, "", (on) => act("PATCH", "faults", { off: on })),
    make("h2", { textContent: "API" }),
    rule("Outage", "every connection is cut", "reset", { kind: "reset" }),
    rule("502 Bad Gateway", "HTML instead of JSON", "status", { kind: "status", status: 502, html: true }),
    rule("Slow", "each answer takes two seconds", "latency", { kind: "latency", seconds: 2 }),
    toggle("Blocked", "403 to everything, as after too many requests", blocked, "", (on) => act("POST", on ? "block" : "lift", {})),
    make("h2", { textContent: "Account" }),
    toggle("Filter add-on", "paid: filter[…] on deals and contacts", account.is_api_filter_enabled, "good", (on) => act("PATCH", "account", { is_api_filter_enabled: on })),
    toggle("Unpaid", "402 to everything", !account.is_paid, "", (on) => act("PATCH", "account", { is_paid: !on })),
    press("Disable the integration", "tokens are revoked, and the signed notice is sent", "Disable", () => act("POST", "revoke", {}, "Disabled")),
    press("Telegram refuses the next message", "429, try again in 3 seconds", "Refuse", () => act("POST", "messages", { status: 429, retry_after: 3 }, "The next message is refused")),
    press("Everything as usual", "no fault of any kind", "Clear", () => act("DELETE", "faults", undefined, "No faults any more")));
}

const field = (label, name, props = {}) => make("label", {}, label, make("input", { name, ...props }));

function stageSelect(chosen) {
  const select = make("select", { name: "stage" });
  for (const pipeline of state.data.account.pipelines) {
    select.append(make("optgroup", { label: pipeline.name }, ...pipeline.stages.map((stage) => make("option", {
      value: `${pipeline.id}:${stage.id}`, textContent: stage.name,
      selected: pipeline.id === chosen.pipeline_id && stage.id === chosen.status_id,
    }))));
  }
  return make("label", {}, "Stage", select);
}

function show(title, parts, save) {
  const cancel = make("button", { type: "button", textContent: "Cancel" });
  cancel.onclick = () => $("dialog").close();
  const silent = make("label", { className: "check" }, make("input", { type: "checkbox", name: "silent" }), "Silently: no hook");
  const buttons = make("div", { className: "buttons" }, cancel, make("button", { className: "primary", textContent: "Save" }));
  $("form").replaceChildren(make("h2", { id: "dialog-title", textContent: title }), ...parts, silent, buttons);
  $("form").onsubmit = () => {
    const given = Object.fromEntries(new FormData($("form")));
    const [pipeline_id, status_id] = given.stage.split(":").map(Number);
    save({ ...given, pipeline_id, status_id, price: Number(given.price) || 0, silent: "silent" in given });
  };
  $("dialog").showModal();
}

function openDeal(deal) {
  const others = state.data.account.deal_list.filter((other) => other.id !== deal.id);
  const silent = () => ({ silent: $("form").elements.silent.checked });
  const does = (text, className, path, body = {}) => {
    const button = make("button", { type: "button", className, textContent: text });
    button.onclick = () => { $("dialog").close(); act("POST", `deals/${deal.id}/${path}`, { ...silent(), ...body }, `${text}: “${deal.name}”`); };
    return button;
  };
  const merge = make("select", { name: "merge", ariaLabel: "Merge another deal into this one" }, make("option", { value: "", textContent: "Merge another deal into this one…" }),
    ...others.map((other) => make("option", { value: other.id, textContent: `${other.name} (#${other.id})` })));
  const facts = Object.entries(deal.fields).map(([name, value]) => `${name} = ${value}`).join(", ");
  const person = deal.contacts[0];
  show(deal.name || "Deal", [
    make("p", { className: "facts", textContent: `#${deal.id}. ${person ? `${person.name}: ${person.phones.join(", ") || "no phone"}` : "No contact"}. ${facts}` }),
    make("div", { className: "pair" }, field("Name", "name", { value: deal.name }), field("Price", "price", { type: "number", min: 0, value: deal.price })),
    stageSelect(deal),
    field(person ? "Add a phone" : "Add a contact with this phone", "phone", { placeholder: "8 701 123 45 67" }),
    merge,
    make("div", { className: "buttons" }, does("Won", "", "win"), does("Lost", "", "lose"), does("Delete", "danger", "delete")),
  ], async (given) => {
    const asked = {};
    if (given.name !== deal.name) asked.name = given.name;
    if (given.price !== deal.price) asked.price = given.price;
    if (given.status_id !== deal.status_id || given.pipeline_id !== deal.pipeline_id) Object.assign(asked, { status_id: given.status_id, pipeline_id: given.pipeline_id });
    if (Object.keys(asked).length) await act("PATCH", `deals/${deal.id}`, { ...asked, silent: given.silent }, "Saved");
    if (given.phone && person) await act("POST", `contacts/${person.id}/phone`, { phone: given.phone, silent: given.silent }, "Phone added");
    if (given.phone && !person) await act("POST", "contacts", { name: deal.name, phone: given.phone, deal_id: deal.id, silent: given.silent }, "Contact added");
    if (given.merge) await act("POST", `deals/${deal.id}/merge`, { merged_id: Number(given.merge), silent: given.silent }, "Merged");
  });
}

function addDeal() {
  const first = stagesOf(state.pipeline).find((stage) => stage.type === 0);
  show("New deal", [
    make("div", { className: "pair" }, field("Name", "name", { required: true, value: "Новая заявка" }), field("Price", "price", { type: "number", min: 0, value: 150000 })),
    make("div", { className: "pair" }, field("Client", "contact_name", { value: "Айгерим Садыкова" }), field("Phone", "phone", { value: "8 (701) 555-01-42" })),
    stageSelect({ pipeline_id: state.pipeline, status_id: first?.id }),
    make("div", { className: "pair" }, field("utm_source", "source", { value: "ig" }), field("utm_campaign", "campaign", { value: "kenesary_tripwire_nov" })),
    make("div", { className: "pair" }, field("utm_medium", "medium", { value: "cpc" }), field("utm_content", "content")),
    field("Tags, with commas", "tags"),
  ], (given) => {
    const utm = Object.fromEntries(["source", "medium", "campaign", "content"].filter((key) => given[key]).map((key) => [key, given[key]]));
    const { name, price, pipeline_id, status_id, contact_name, silent } = given;
    const tags = given.tags.split(",").map((tag) => tag.trim()).filter(Boolean);
    act("POST", "deals", { name, price, pipeline_id, status_id, contact_name, phone: given.phone || null, utm, tags, silent }, `Added “${name}”`);
  });
}

function showView(name) {
  document.body.dataset.view = name;
  if (name !== "board") document.body.dataset.panel = name;
  for (const button of document.querySelectorAll(".views [data-show]")) button.setAttribute("aria-current", button.dataset.show === name);
  for (const button of document.querySelectorAll("aside [data-show]")) button.setAttribute("aria-selected", button.dataset.show === (document.body.dataset.panel ?? "hooks"));
}

function draw() {
  for (const part of [drawTop, drawPipelines, drawBoard, drawBin, drawHooks, drawMessages, drawFaults]) part();
}

async function refresh() {
  try {
    const answer = await fetch(`/_sandbox/state${state.account ? `?account=${state.account}` : ""}`);
    state.data = await answer.json();
    state.account = state.data.account.id;
    draw();
  } catch {
    $("pulse").textContent = "The sandbox does not answer";
  }
}

$("account").onchange = (event) => { state.account = event.target.value; state.known.clear(); refresh(); };
$("add").onclick = addDeal;
for (const button of document.querySelectorAll("[data-show]")) button.onclick = () => showView(button.dataset.show);
showView(location.hash === "#hooks" ? "hooks" : location.hash === "#messages" ? "messages" : location.hash === "#faults" ? "faults" : "board");
(async function poll() {
  if (!document.hidden) await refresh();
  setTimeout(poll, 1000);
})();
