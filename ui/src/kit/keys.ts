const ON_MAC = /mac/i.test(navigator.platform);

/** The names of keys on this computer: `Mod` is ⌘ on a Mac and Ctrl elsewhere. */
export function keyNames(keys: string[]): string[] {
	return keys.map((key) => (key === "Mod" ? (ON_MAC ? "⌘" : "Ctrl") : key));
}

/** Whether the modifier for commands is held: ⌘ on a Mac, Ctrl elsewhere. */
export function isMod(event: KeyboardEvent | MouseEvent): boolean {
	return ON_MAC ? event.metaKey : event.ctrlKey;
}

/** Whether the key press belongs to a control that takes text. */
export function isTyping(target: EventTarget | null): boolean {
	if (!(target instanceof HTMLElement)) return false;
	if (target.isContentEditable || target instanceof HTMLTextAreaElement) return true;
	if (target instanceof HTMLSelectElement) return true;
	return (
		target instanceof HTMLInputElement && !["checkbox", "radio", "button", "range"].includes(target.type)
	);
}
