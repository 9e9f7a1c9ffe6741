// What all charts have in common: theme, buttons, behaviour under a finger.
const dark = matchMedia("(prefers-color-scheme: dark)");

// Where a finger scrolls the page it must not zoom a chart.
const touched = matchMedia("(pointer: coarse), (max-width: 600px)").matches;
const options = {
  responsive: true,
  displaylogo: false,
  displayModeBar: touched ? false : "hover",
  // No others: one of Plotly's own buttons sends the figure to its makers.
  modeBarButtons: [["toImage", "resetScale2d"]],
};

const themeColour = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Paper has one width, of A4 and Letter lying on their side, whatever the screen has.
const PAPER = { width: 960, height: 640 };
let onPaper = false;

const sized = (layout) =>
  onPaper
    ? { ...layout, width: PAPER.width, height: Math.min(layout.height, PAPER.height) }
    : layout;

const themed = (layout) => {
  const [ink, soft, rule, card] = ["--ink", "--soft", "--rule", "--card"].map(themeColour);
  const lines = { gridcolor: rule, zerolinecolor: rule, linecolor: rule };
  const family = getComputedStyle(document.documentElement).fontFamily;
  return {
    ...sized(layout),
    // What was zoomed stays so when the same is drawn again.
    uirevision: JSON.stringify([layout.xaxis?.title, layout.xaxis?.type, layout.yaxis?.title]),
    dragmode: touched ? false : "zoom",
    font: { color: ink, family, size: 12 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: ink },
    hoverlabel: { align: "left", bgcolor: card, font: { color: ink } },
    xaxis: { ...layout.xaxis, ...lines },
    yaxis: { ...layout.yaxis, ...lines },
  };
};

// 1, 2, 5, 10, ...: by itself Plotly writes a small 2 for 20.
const axisOf = (title, log, values) => {
  const axis = { title: { text: title }, automargin: true, type: log ? "log" : "linear" };
  if (!log) return axis;
  const [least, most] = [Math.min(...values), Math.max(...values)].map(Math.log10);
  const tickvals = [];
  for (let power = Math.floor(least) - 1; power <= Math.ceil(most); power += 1)
    for (const digit of [1, 2, 5]) tickvals.push(Number(`${digit}e${power}`));
  return { ...axis, tickvals, ticktext: tickvals.map(String) };
};

// Times the smallest figure that the largest must be before an axis becomes logarithmic.
const WIDE = 8;
const isWide = (values) => Math.min(...values) > 0 && Math.max(...values) > WIDE * Math.min(...values);

// Before the page's own, which say it better.
const addStyles = (text) => {
  const styles = document.createElement("style");
  styles.textContent = text;
  document.head.prepend(styles);
};

// What nobody has looked at takes no room in the page.
const listWhenOpened = (part, facts) =>
  part.addEventListener(
    "toggle",
    () => {
      const element = (tag, text) =>
        Object.assign(document.createElement(tag), { textContent: text });
      const pairs = facts.map(([what, how]) => {
        const pair = document.createElement("div");
        pair.append(element("dt", what), element("dd", how));
        return pair;
      });
      part.querySelector("dl").replaceChildren(...pairs);
    },
    { once: true },
  );
