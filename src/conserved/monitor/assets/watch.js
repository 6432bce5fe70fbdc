/* The page of a watched run. Its numbers are in the page (an offline file) or asked of the server. */
(() => {
  "use strict";

  const told = JSON.parse(document.getElementById("run-data").textContent);
  const { live, outcomes, classes, names, limit, most } = told;
  let state = told.state;
  let seq = told.seq;
  const byId = (id) => document.getElementById(id);
  const rows = new Map([...document.querySelectorAll("tr[data-law]")].map((row) => [Number(row.dataset.law), row]));
  const element = (name, words, ...classNames) => {
    const made = document.createElement(name);
    if (words != null) made.textContent = words;
    made.classList.add(...classNames);
    return made;
  };
  const short = (v) => (v == null ? "–" : v === 0 ? "0" : charts.number(Number(v.toPrecision(3))));
  const DASH = "5 4";
  const LEAST = 0.01; // roundings: a logarithmic axis has no 0

  // ---------------------------------------------------------------- figures

  const figures = {};
  let chosen = told.chosen.slice(0, most);
  const zooms = {}; // of each figure: [first, last], or nothing

  // One entry of a legend: its colour, its dashes, its words.
  function sample({ colour, dash, label, hidden, second }) {
    const item = element("li");
    if (second) item.className = "second";
    const button = element("button");
    button.type = "button";
    button.setAttribute("aria-pressed", String(!hidden));
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 32 10");
    svg.setAttribute("aria-hidden", "true");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    line.setAttribute("class", colour);
    for (const [name, value] of Object.entries({ x1: 0, y1: 5, x2: 32, y2: 5 })) line.setAttribute(name, value);
    if (dash) line.setAttribute("stroke-dasharray", dash);
    svg.append(line);
    button.append(svg, label, element("output"));
    item.append(button);
    return item;
  }

  const shorter = (text) => (text.length > 48 ? `${text.slice(0, 47)}…` : text);
  // A curve of the greatest values alone, as a logarithmic axis shows them.
  const top = (curve, list) => {
    const high = list.map((v) => (v == null ? null : Math.max(v, LEAST)));
    return { ...curve, low: high, high };
  };

  // A plot from curves {label, colour, dash, low, high}.
  function plotOf(x, several, more) {
    return {
      x,
      y: several.map((curve) => curve.high),
      low: several.map((curve) => curve.low),
      labels: several.map((curve) => curve.label),
      styles: several.map((curve) => curve.style || "line"),
      xLabel: "step",
      whole: state.steps,
      curves: several,
      ...more,
    };
  }

  const guide = (x) => {
    const line = x.map(() => limit);
    return { label: `${limit} roundings`, colour: "guide", dash: "2 3", style: "guide", low: line, high: line };
  };

  const plots = {
    worst({ x, worst }) {
      const words = { residual: "beyond the optimizer's rule", gradient: "⟨∇h, g⟩ of the raw gradient" };
      const several = Object.entries(worst)
        .filter(([, list]) => list.some((v) => v != null))
        .map(([name, list]) =>
          top(name === "residual" ? { label: words[name], colour: "s0" } : { label: words[name], colour: "s1", dash: DASH }, list),
        );
      return plotOf(x, [...several, guide(x)], { yLabel: "roundings", logY: true, marks: marks() });
    },
    metrics({ x, metrics }) {
      const known = Object.entries(metrics);
      const rates = known.filter(([label]) => label.startsWith("learning rate"));
      const several = [...known.filter((one) => !rates.includes(one)), ...rates].map(([label, [low, high]], k) => ({
        label,
        hidden: rates.length < known.length && rates.some(([rate]) => rate === label), // of another size
        colour: `s${k % 8}`,
        dash: ["", "7 4", "2 3", "10 3 2 3", "14 4", "4 2", "2 6", "8 2 2 2 2 2"][k % 8],
        low,
        high,
      }));
      return plotOf(x, several.slice(0, 8), { yLabel: "value" });
    },
    drift({ x, laws }) {
      const several = chosen.flatMap((law, k) => {
        const { drift, predicted } = laws[law];
        const observed = { label: shorter(names[law]), colour: `s${k}`, low: drift[0], high: drift[1] };
        const rule = { label: "predicted", second: true, colour: `s${k}`, dash: DASH, low: predicted[0], high: predicted[1] };
        return predicted[1].some((v) => v != null) ? [observed, rule] : [observed];
      });
      return plotOf(x, several, { yLabel: "share of its terms", least: told.least, marks: marks() });
    },
    left({ x, laws }) {
      const several = chosen.flatMap((law, k) => {
        const { residual, gradient } = laws[law];
        const pair = [
          top({ label: shorter(names[law]), colour: `s${k}` }, residual),
          top({ label: "⟨∇h, g⟩", second: true, colour: `s${k}`, dash: DASH }, gradient),
        ];
        return pair.filter((curve) => curve.high.some((v) => v != null));
      });
      return plotOf(x, [...several, guide(x)], { yLabel: "roundings", logY: true, marks: marks() });
    },
  };

  const marks = () => state.events.filter((event) => event[1] === "violated").map((event) => event[0]);

  function show(id, data) {
    const figure = byId(id);
    const plot = plots[id](data);
    const key = plot.curves.map((c) => [c.label, c.colour, c.dash].join("|")).join("\n");
    const some = plot.curves.some((c) => c.style !== "guide");
    figure.hidden = !plot.x.length || !some;
    if (figure.hidden) return;
    const held = figures[id];
    if (held && held.key === key) {
      held.chart.set(plot);
      return;
    }
    if (held) held.chart.remove();
    const legend = figure.querySelector(".legend");
    legend.replaceChildren(...plot.curves.map(sample));
    const chart = new charts.Chart(figure, plot, (range) => zoomed(id, range));
    figures[id] = { chart, key };
    if (zooms[id]) chart.range(zooms[id]);
  }

  // ---------------------------------------------------------------- numbers

  const width = (id) => Math.max(100, Math.min(1200, byId(id).clientWidth || 600));

  async function ask(name, query) {
    const answer = await fetch(`${name}?${new URLSearchParams(query)}`, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  const asked = {}; // the newest question of each figure: an older answer is dropped
  async function load(id) {
    if (!live) {
      show(id, told.curves);
      return;
    }
    const [first, last] = zooms[id] || state.steps;
    const ticket = (asked[id] = (asked[id] || 0) + 1);
    const query = { laws: chosen.join(","), first: Math.floor(first), last: Math.ceil(last), columns: width(id) };
    const data = await ask("curves", query);
    if (asked[id] === ticket && chosen.every((law) => law in data.laws)) show(id, data);
  }

  const all = (...ids) => Promise.all((ids.length ? ids : Object.keys(plots)).map(load)).catch(lost);

  const waiting = {};
  function zoomed(id, range) {
    zooms[id] = range;
    clearTimeout(waiting[id]);
    if (live) waiting[id] = setTimeout(() => load(id).catch(lost), 120);
  }

  // ---------------------------------------------------------------- table

  let only = null; // an outcome, or all
  function filter() {
    const words = byId("find").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const [law, row] of rows) {
      const text = `${names[law]} ${row.querySelector(".law").title} ${state.words[law]}`.toLowerCase();
      const here = (only == null || state.outcome[law] === only) && words.every((word) => text.includes(word));
      row.hidden = !here;
      count += here;
    }
    document.querySelectorAll(".families tbody").forEach((body) => {
      body.hidden = ![...body.querySelectorAll("tr[data-law]")].some((row) => !row.hidden);
    });
    byId("found").textContent = count === rows.size ? "" : `${count} of ${rows.size}`;
  }

  function paint() {
    for (const [law, row] of rows) {
      const button = row.querySelector(".law");
      const place = chosen.indexOf(law);
      button.classList.remove("s0", "s1", "s2", "s3");
      if (place >= 0) button.classList.add(`s${place}`);
      button.setAttribute("aria-pressed", String(place >= 0));
    }
  }

  function choose(law) {
    if (chosen.includes(law)) chosen = chosen.filter((other) => other !== law);
    else chosen = [...chosen, law].slice(-most);
    paint();
    all("drift", "left");
  }

  // A tab in the background says it too.
  const title = document.title;
  const entitle = () => {
    const violated = state.count.violated;
    document.title = violated ? `✗ ${violated} violated: ${title}` : title;
  };

  function tell() {
    entitle();
    outcomes.forEach((outcome, k) => {
      const button = document.querySelector(`[data-outcome="${k}"]`);
      button.classList.toggle("none", !state.count[outcome]);
      button.querySelector("b").textContent = state.count[outcome].toLocaleString("en");
    });
    byId("notes").replaceChildren(...state.notes.map((note) => element("li", note)));
    for (const [law, row] of rows) {
      const outcome = outcomes[state.outcome[law]];
      const cell = row.querySelector(".verdict");
      cell.className = `verdict is-${classes[outcome]}`;
      cell.querySelector("span").textContent = `${told.marks[outcome]}\u00a0${state.words[law]}`;
      cell.querySelector("small").textContent = state.reason[law];
      const cells = row.querySelectorAll("td.n");
      [state.drift, state.residual, state.gradient].forEach((list, k) => (cells[k].textContent = short(list[law])));
    }
    byId("events-section").hidden = !state.events.length;
    byId("events-section").querySelector("tbody").replaceChildren(
      ...state.events.toReversed().map(([step, what, law, text]) => {
        const row = element("tr"), told = element("td", names[law] ?? text);
        if (names[law] !== undefined) told.append(element("small", text));
        row.append(element("td", step.toLocaleString("en"), "n"), element("td", what), told);
        return row;
      }),
    );
  }

  // ---------------------------------------------------------------- live

  const status = byId("status");
  function lost() {
    if (status.classList.contains("lost")) return;
    status.className = "status lost";
    status.setAttribute("role", "alert");
    status.textContent = "The server does not answer: it was stopped, or the log is gone. What is shown is old.";
  }

  let stale = false; // curves are older than the table: nobody looks at them
  const fresh = async () => {
    stale = document.hidden;
    if (!stale) await Promise.all(Object.keys(plots).map(load));
  };

  async function look() {
    try {
      const news = await ask("state", { seq });
      status.removeAttribute("role");
      status.className = news.writing ? "status writing" : "status";
      if (status.textContent !== news.status) status.textContent = news.status;
      if (news.state) {
        ({ state, seq } = news);
        tell();
        filter();
        await fresh();
      }
    } catch {
      lost();
    }
    setTimeout(look, document.hidden ? 5000 : 1000);
  }

  document.addEventListener("visibilitychange", () => {
    if (live && stale && !document.hidden) fresh().catch(lost);
  });

  rows.forEach((row, law) => row.querySelector(".law").addEventListener("click", () => choose(law)));
  told.without.forEach((law) => (rows.get(law).querySelector(".law").disabled = true));
  document.querySelectorAll("[data-outcome]").forEach((button) =>
    button.addEventListener("click", () => {
      const own = Number(button.dataset.outcome);
      only = only === own ? null : own;
      document.querySelectorAll("[data-outcome]").forEach((other) =>
        other.setAttribute("aria-pressed", String(Number(other.dataset.outcome) === only)),
      );
      filter();
    }),
  );
  byId("find").addEventListener("input", filter);
  entitle();
  paint();
  all();
  if (live) look();
})();
