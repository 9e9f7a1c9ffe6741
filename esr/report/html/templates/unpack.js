// What the page carries packed (page_assets.py), unpacked.
const unpack = async (id) => {
  const letters = atob(document.getElementById(id).textContent);
  const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  const packed = new Blob([bytes]).stream();
  return new Response(packed.pipeThrough(new DecompressionStream("gzip"))).text();
};
const unpackJson = async (id) => JSON.parse(await unpack(id));

const address = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));

// Plotly is no module: it wants to be a script, which leaves a global name.
const loadScript = async (id) => {
  const script = document.createElement("script");
  script.src = address(await unpack(id));
  await new Promise((done, failed) => {
    script.addEventListener("load", done);
    script.addEventListener("error", failed);
    document.head.append(script);
  });
};
const loadModule = async (id) => import(address(await unpack(id)));
