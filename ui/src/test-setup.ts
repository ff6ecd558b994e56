// The test document has no layout: every element is as large as a window, so that virtual lists draw something.
const SIZES = { offsetWidth: 1200, offsetHeight: 600, clientWidth: 1200, clientHeight: 600 };
for (const [name, px] of Object.entries(SIZES)) {
	Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => px });
}
