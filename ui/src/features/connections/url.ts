export interface PlainUrl {
	/** Without its password. */
	url: string;
	/** `null`: it had none. */
	password: string | null;
}

/** Takes the password out of an address before anybody else sees it. What it throws repeats no part of the address. */
export function takePassword(text: string): PlainUrl {
	const url = parsed(text.trim());
	// A password with a raw slash, `?` or `#` in it would end up here and be shown.
	if (/@/.test(url.pathname + url.search + url.hash)) {
		throw new Error("An @ stands behind the host. Write / ? # and @ of the password as %2F %3F %23 and %40.");
	}
	const password = url.password === "" ? null : decoded(url.password);
	url.password = "";
	return { url: url.href, password };
}

function parsed(text: string): URL {
	try {
		return new URL(text);
	} catch {
		throw new Error("This is not an address. It looks like amqps://user@host:5671/vhost.");
	}
}

function decoded(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}
