// Text of less contrast than WCAG AA asks for (4.5 to 1): a list of what is too faint.
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (layers) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const layer of layers) {
      canvas.fillStyle = layer;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((x) => x / 255).map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!text || !element.checkVisibility({ opacityProperty: true })) continue;
    const behind = [];
    for (let at = element; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
    const [back, fore] = [light(paint(behind)), light(paint([...behind, getComputedStyle(element).color]))];
    const contrast = (Math.max(back, fore) + 0.05) / (Math.min(back, fore) + 0.05);
    if (contrast < 4.5) faint.push(`${element.className || element.tagName} ${element.textContent.trim()}: ${contrast.toFixed(2)}`);
  }
  return faint.join("\n");
})()
