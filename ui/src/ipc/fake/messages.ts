import type { BodyView, Failure, MessageRow, MessageView } from "../port";
import { field } from "./queues";
import type { Random } from "./random";

export interface FakeMessage {
	row: MessageRow;
	contentType: string | null;
	body: Uint8Array<ArrayBuffer>;
	queue: string;
	diedIn: string | null;
	error: string;
}

const ERRORS = [
	"PaymentGatewayTimeout: no answer from gateway.internal within 5000 ms",
	"SchemaViolation: $.currency is required",
	"DuplicateCapture: payment 8812 was captured already",
];
const DEEP = 10_000;
const LONG_LINE = 1024 * 1024;

/** Every kind of body that a real queue can hold, the unkind ones included. */
export function fakeMessages(random: Random, queue: string, n: number): FakeMessage[] {
	return Array.from({ length: n }, (_, at) => message(random, queue, at + 1));
}

function message(random: Random, queue: string, n: number): FakeMessage {
	const dead = queue.endsWith(".dlq");
	const error = random.pick(ERRORS);
	const [contentType, body] = bodyOf(random, n);
	const diedAt = new Date(Date.now() - random.whole(60, 40_000) * 1000).toISOString();
	return {
		contentType,
		body,
		queue,
		error,
		diedIn: dead ? "orders.payment-capture" : null,
		row: {
			n,
			key: `fp:${random.id().replaceAll("-", "")}`,
			messageId: n % 5 === 0 ? null : random.id(),
			exchange: dead ? "orders.dlx" : "orders",
			routingKey: random.pick(["payment.capture.v1", "payment.refund.v1", "invoice.render"]),
			size: body.length,
			deliveryCount: dead ? 0 : random.whole(0, 3),
			redelivered: random.next() > 0.5,
			publishedAt: n % 7 === 0 ? null : new Date(Date.parse(diedAt) - 4000).toISOString(),
			diedAt: dead ? diedAt : null,
			reason: dead ? random.pick(["rejected", "delivery limit", "expired"]) : null,
			preview: printable(body.slice(0, 120)),
			fate: { kind: "inQueue" },
		},
	};
}

function bodyOf(random: Random, n: number): [string | null, Uint8Array<ArrayBuffer>] {
	const text = (words: string) => new TextEncoder().encode(words);
	switch (n) {
		case 2:
			return [
				"application/xml",
				text('<?xml version="1.0"?><order id="4711"><line sku="A-1" qty="2"/></order>'),
			];
		case 3:
			return ["application/octet-stream", Uint8Array.from({ length: 5000 }, (_, i) => (i * 31) % 256)];
		case 4:
			return ["text/plain", text("plain words, and a tab\tin them")];
		case 6:
			return ["application/json", text("[".repeat(DEEP) + "]".repeat(DEEP))];
		case 7:
			return ["application/json", text(JSON.stringify({ line: "x".repeat(LONG_LINE) }))];
		case 8:
			return [null, text("")];
		default:
			return ["application/json", text(JSON.stringify(payment(random)))];
	}
}

function payment(random: Random) {
	return {
		id: random.id(),
		type: "payment.capture",
		amount: { value: random.whole(100, 90_000) / 100, currency: random.pick(["EUR", "GBP", "USD"]) },
		customer: { id: random.whole(1000, 9999), country: random.pick(["DE", "FR", "PL"]) },
		attempts: random.whole(0, 4),
		express: random.next() > 0.5,
		note: null,
		lines: Array.from({ length: random.whole(1, 3) }, (_, n) => ({
			sku: `A-${n + 1}`,
			qty: random.whole(1, 5),
		})),
	};
}

function printable(bytes: Uint8Array): string {
	return new TextDecoder().decode(bytes).replace(/\p{Cc}/gu, "·");
}

export function messageView(message: FakeMessage): MessageView {
	const { row, diedIn } = message;
	return {
		row,
		contentType: message.contentType,
		contentEncoding: null,
		headers: [
			...(diedIn
				? [
						field("x-death", "array", "1 entry"),
						field("", "table", "6 fields", 1),
						field("count", "int64", "1", 2),
					]
				: []),
			field("x-exception-message", "text", message.error),
			field("tenant", "text", "eu-1"),
			field("attempt", "int64", "9007199254740993"),
		],
		properties: [
			...(message.contentType ? [field("content-type", "text", message.contentType)] : []),
			field("delivery-mode", "uint8", "2"),
			...(row.messageId ? [field("message-id", "text", row.messageId)] : []),
		],
		deaths: diedIn
			? [
					{
						queue: diedIn,
						reason: "rejected",
						count: 1,
						at: row.diedAt,
						exchange: "orders",
						routingKeys: [row.routingKey],
					},
				]
			: [],
		failedIn: diedIn ? { kind: "queue", queue: diedIn, evidence: "x-death[0]" } : { kind: "unknown" },
		failure: diedIn ? failureOf(message) : null,
		twins: 1,
	};
}

/** The exception and its message, as the header says them. */
export function failureOf({ error }: FakeMessage): Failure {
	const [exception, ...rest] = error.split(": ");
	return {
		by: "Spring AMQP",
		exception: `shop.${exception}`,
		message: rest.join(": "),
		thrownAt: "GatewayClient.capture:214",
		source: null,
		subject: null,
		at: null,
		note: null,
	};
}

const SHOWN_MAX = 1024 * 1024;
const DEPTH_MAX = 128;

export function bodyView({ body, contentType, row }: FakeMessage): BodyView {
	const shown = Math.min(body.length, SHOWN_MAX);
	const sizes = { bytesTotal: body.length, bytesShown: shown };
	if (body.length === 0) return { format: "empty", text: "", indented: false, note: null, ...sizes };
	if (row.n === 3) return { format: "binary", text: "", indented: false, note: null, ...sizes };
	const text = new TextDecoder().decode(body.slice(0, shown));
	if (contentType === "application/xml")
		return { format: "xml", text, indented: false, note: null, ...sizes };
	if (contentType !== "application/json")
		return { format: "text", text, indented: false, note: null, ...sizes };
	if (text.startsWith("[[")) {
		return { format: "json", text, indented: false, note: `nested deeper than ${DEPTH_MAX}`, ...sizes };
	}
	if (shown < body.length)
		return { format: "json", text, indented: false, note: "larger than 1 MiB", ...sizes };
	return {
		format: "json",
		text: JSON.stringify(JSON.parse(text), null, 2),
		indented: true,
		note: null,
		...sizes,
	};
}
