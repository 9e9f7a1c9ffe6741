// The table as text, as the files beside the page hold it.
const copyText = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // A page on a disk may be forbidden to; what is selected may always be copied.
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
};

const makeCopyButtons = (texts) => {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const title = button.textContent;
    button.addEventListener("click", async () => {
      await copyText(texts[button.dataset.copy]);
      button.textContent = "copied";
      setTimeout(() => (button.textContent = title), 1500);
    });
  }
};
