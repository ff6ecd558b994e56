/** A message of Rust as a sentence: with a capital and a full stop. */
export function sentence(message: string): string {
	const text = message.trim();
	if (text === "") return "";
	const end = /[.!?…:]$/.test(text) ? "" : ".";
	return text.charAt(0).toUpperCase() + text.slice(1) + end;
}

/** The first letter as a capital, nothing else. */
export function capital(text: string): string {
	return text.charAt(0).toUpperCase() + text.slice(1);
}
