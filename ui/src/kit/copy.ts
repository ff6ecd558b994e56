/** Puts text on the clipboard. `false`: the system refused. */
export async function copy(text: string): Promise<boolean> {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		return copyBySelection(text);
	}
}

/** Web views that give no clipboard to pages still copy what is selected. */
function copyBySelection(text: string): boolean {
	const area = document.createElement("textarea");
	const focused = document.activeElement;
	area.value = text;
	area.className = "sr";
	document.body.append(area);
	area.select();
	try {
		return document.execCommand("copy");
	} catch {
		return false;
	} finally {
		area.remove();
		if (focused instanceof HTMLElement) focused.focus();
	}
}
