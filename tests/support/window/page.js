// Finds what a person would: by the words on it, in front of everything else, and only what can be seen.

const plain = (text) => text.replace(/[\s\u00a0\u2009\u202f]+/g, " ").trim();

const shown = (element) => element.checkVisibility() && !element.closest("[inert]");

/** Whatever lies on top: an open menu, a dialog, else the page. */
function front() {
	const layers = [...document.querySelectorAll("[role=dialog], [role=alertdialog], [role=menu]")].filter(shown);
	return layers.at(-1) ?? document;
}

/** The words on a control, without the keys that are drawn on it. */
function nameOf(element) {
	const label = element.getAttribute("aria-label");
	if (label) return plain(label);
	const copy = element.cloneNode(true);
	for (const part of copy.querySelectorAll("kbd, svg, .sr")) part.remove();
	for (const part of copy.querySelectorAll("*")) part.before(" ");
	return plain(copy.textContent);
}

const free = (element) => {
	const control = element.control ?? element;
	return !control.disabled && element.getAttribute("aria-disabled") !== "true";
};

/** Whose name is the label, or else begins with it as whole words. */
function named(elements, label) {
	const wanted = plain(label);
	const all = elements.filter(shown).map((element) => ({ element, name: nameOf(element) }));
	const found = all.find(({ name }) => name === wanted) ?? all.find(({ name }) => name.startsWith(`${wanted} `));
	return found?.element ?? null;
}

const PRESSED = "button, a[href], label, [role=button], [role=tab], [role=menuitem], [role=option], [role=link]";

/** What can be pressed. The label of a field only leads to it. */
function buttons() {
	const all = [...front().querySelectorAll(PRESSED)];
	return all.filter((one) => one.localName !== "label" || ["radio", "checkbox"].includes(one.control?.type));
}

const finders = {
	/** What can be pressed and is free. */
	pressed: (label) => named(buttons().filter(free), label),
	/** The same, free or not. */
	control: (label) => named(buttons(), label),
	/** What can be written into or chosen from. */
	field: (label) => {
		const wanted = plain(label);
		const fields = [...front().querySelectorAll("input:not([type=radio], [type=checkbox]), textarea, select")].filter(shown);
		const names = (field) => [
			field.getAttribute("aria-label"),
			...[...(field.labels ?? [])].map((one) => one.textContent),
		];
		return fields.find((field) => names(field).some((name) => name && plain(name) === wanted)) ?? null;
	},
	/** A row of a table with a cell of just these words, or else a row that has them. */
	row: (text) => {
		const wanted = plain(text);
		const rows = [...front().querySelectorAll("[role=row][aria-rowindex]:not([aria-rowindex='1']), tbody tr")];
		const all = rows.filter(shown);
		const cells = (row) => [...row.querySelectorAll("[role=gridcell], td, th")];
		const exact = all.find((row) => cells(row).some((cell) => plain(cell.innerText) === wanted));
		return exact ?? all.find((row) => plain(row.innerText).includes(wanted)) ?? null;
	},
	css: (selector) => [...document.querySelectorAll(selector)].find(shown) ?? null,
};

/** Everything that can be read; code is drawn in trees of its own. */
function read() {
	const hosts = [...document.querySelectorAll("*")].filter((element) => element.shadowRoot);
	const trees = hosts.flatMap(({ shadowRoot }) => [...shadowRoot.children]);
	return plain([document.body, ...trees].map((tree) => tree.innerText ?? "").join(" "));
}
