import { describe, expect, test } from "vitest";
import { takePassword } from "./url";

describe("an address", () => {
	test("gives its password away and keeps the rest", () => {
		expect(takePassword(" amqps://support:p%2Fw%3Ad@mq.internal:5671/%2Forders ")).toEqual({
			url: "amqps://support@mq.internal:5671/%2Forders",
			password: "p/w:d",
		});
	});

	test("without a password has none", () => {
		const plain = takePassword("amqp://localhost");
		expect(plain.password).toBeNull();
		expect(plain.url).toMatch(/^amqp:\/\/localhost\/?$/);
	});

	test("keeps a password that is not percent-encoded well", () => {
		expect(takePassword("amqp://u:100%25off%zz@host/").password).toBe("100%25off%zz");
	});

	test.each([
		"amqp://u:12/secret@host/",
		"amqp://u:12?secret@host",
		"amqp://h/?management=http://u:secret@h",
	])("whose password would stay in it is refused, without repeating it: %s", (text) => {
		expect(() => takePassword(text)).toThrow(/%40/);
		try {
			takePassword(text);
		} catch (thrown) {
			expect(String(thrown)).not.toContain("secret");
		}
	});

	test("that is none is refused without repeating it", () => {
		expect(() => takePassword("secret words")).toThrow(/not an address/);
		expect(() => takePassword("amqp://u:se#cret@host")).toThrow();
	});
});
