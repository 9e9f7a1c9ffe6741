// Two pictures of the same detail, one above the other, with a line to move between them.
const makeSlider = (slider) => {
  const detail = slider.closest(".same-crop");
  const { left, right, cut } = slider.querySelector("form").elements;
  const [below, above] = slider.querySelectorAll("img");
  const shot = (choice) => detail.querySelectorAll(".strip img")[choice.value];
  const show = () => {
    below.src = shot(right).src;
    above.src = shot(left).src;
    above.style.clipPath = `inset(0 ${100 - cut.value}% 0 0)`;
    slider.querySelector(".seam").style.left = `${cut.value}%`;
  };
  slider.addEventListener("input", show);
  show();
};
