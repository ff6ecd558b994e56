import type { BindingView, Drain, ExchangeRow, FieldView, QueueRow, QueueView } from "../port";
import type { Random } from "./random";

type Shape = [
	name: string,
	label: string,
	ready: number,
	inFlight: number,
	consumers: number,
	into: number,
	out: number,
];

const QUEUES: Shape[] = [
	["orders.invoice-render", "quorum", 8914, 1, 2, 6.2, 0],
	["orders.fulfilment", "quorum", 11_412, 200, 3, 64, 41],
	["orders.crm-sync", "classic", 2406, 0, 0, 3.5, 0],
	["orders.stock-reserve", "quorum", 1844, 486, 5, 22, 16],
	["orders.payment-capture", "quorum", 1318, 240, 12, 118, 121],
	["orders.payment-authorize", "quorum", 604, 188, 12, 131, 132],
	["orders.payment-refund", "quorum", 96, 20, 4, 2.1, 2.4],
	["orders.shipment-label", "quorum", 211, 64, 8, 31, 34],
	["orders.email-confirm", "quorum", 40, 32, 6, 44, 44],
	["orders.search-index", "quorum", 1902, 500, 10, 204, 218],
	["orders.tax.v2", "quorum", 0, 0, 2, 0, 0],
	["orders.retry-30s", "classic", 180, 0, 0, 6, 6],
	["orders.events.audit", "stream", 4_180_332, 0, 3, 310, 310],
	["orders.fraud-score", "quorum", 12, 18, 4, 88, 88],
	["orders.erp-export", "classic", 512, 40, 1, 0, 1.2],
	["orders.payments.dlq", "quorum", 913, 0, 0, 0.55, 0],
	["orders.refunds.dlq", "classic", 291, 0, 0, 0.02, 0],
	["orders.invoice-render.dlq", "quorum", 312, 0, 0, 0, 0],
	["eu/billing 🧾 monthly", "classic", 7, 0, 1, 0.4, 0.4],
];
const TREND_SAMPLES = 60;

/** Fifty thousand queues are as easily asked for as twenty. */
export function fakeQueues(random: Random, total = 48): QueueRow[] {
	return Array.from({ length: total }, (_, n) => {
		const shape = QUEUES[n] ?? filler(random, n);
		return row(random, shape);
	});
}

function filler(random: Random, n: number): Shape {
	const area = random.pick(["stock", "billing", "crm", "search", "mail"]);
	const into = random.whole(0, 40) / 4;
	return [
		`${area}.worker-${String(n).padStart(4, "0")}`,
		"quorum",
		random.whole(0, 400),
		random.whole(0, 20),
		random.whole(1, 6),
		into,
		into,
	];
}

function row(random: Random, [name, label, ready, inFlight, consumers, rateIn, rateOut]: Shape): QueueRow {
	const isDeadLetterQueue = name.endsWith(".dlq");
	const growth = rateIn > rateOut ? 0.4 : 0.02;
	const trend = Array.from({ length: TREND_SAMPLES }, (_, n) => {
		if (n < 4) return null;
		const part = 1 - growth * (1 - n / TREND_SAMPLES);
		return Math.max(0, Math.round(ready * part + random.whole(-1, 1) * ready * 0.01));
	});
	return {
		name,
		label,
		ready,
		inFlight,
		delayed: 0,
		consumers,
		rateIn,
		rateOut,
		rateRedeliver: name.endsWith("invoice-render") ? 1.04 : 0,
		bytes: ready * 620,
		oldestAt: label === "classic" && ready > 0 ? new Date(Date.now() - ready * 300).toISOString() : null,
		approximate: false,
		isDeadLetterQueue,
		drain: drain(ready, consumers, rateIn, rateOut, isDeadLetterQueue),
		trend,
		state: null,
	};
}

function drain(ready: number, consumers: number, into: number, out: number, dead: boolean): Drain {
	if (dead) return { kind: "deadLetterQueue" };
	if (ready === 0) return { kind: "empty" };
	if (consumers === 0) return { kind: "noConsumers" };
	if (out === 0) return { kind: "stuck" };
	if (into > out) return { kind: "growing" };
	return into === out ? { kind: "steady" } : { kind: "seconds", seconds: Math.round(ready / (out - into)) };
}

/** The next five seconds in the life of a queue. */
export function lived(random: Random, before: QueueRow): QueueRow {
	if (before.ready === null) return before;
	const change = Math.round(((before.rateIn ?? 0) - (before.rateOut ?? 0)) * 5) + random.whole(-2, 2);
	const ready =
		before.rateIn === 0 && before.rateOut === 0 ? before.ready : Math.max(0, before.ready + change);
	return { ...before, ready, trend: [...before.trend.slice(1), ready] };
}

export function fakeExchanges(): ExchangeRow[] {
	const exchange = (
		name: string,
		label: string,
		bindings: number,
		rates: [number, number, number],
	): ExchangeRow => ({
		name,
		label,
		builtIn: name === "" || name.startsWith("amq."),
		internal: false,
		durable: true,
		rateIn: rates[0],
		rateOut: rates[1],
		rateUnroutable: rates[2],
		bindings,
		alternate: name === "payments" ? "unrouted" : null,
	});
	return [
		exchange("orders", "topic", 17, [420, 612, 18]),
		exchange("payments", "topic", 6, [131, 262, 0]),
		exchange("orders.dlx", "direct", 4, [0.6, 0.6, 0]),
		exchange("billing.audit", "fanout", 0, [3.2, 0, 3.2]),
		exchange("by-region", "headers", 3, [12, 12, 0]),
		exchange("unrouted", "fanout", 1, [0, 0, 0]),
		exchange("", "direct", 48, [6, 6, 0]),
		exchange("amq.direct", "direct", 0, [0, 0, 0]),
		exchange("amq.fanout", "fanout", 0, [0, 0, 0]),
		exchange("amq.topic", "topic", 0, [0, 0, 0]),
	];
}

export const field = (name: string, typeName: string, value: string, depth = 0): FieldView => ({
	name,
	nameIsBytes: false,
	typeName,
	value,
	truncated: false,
	depth,
});

const bind = (source: string, queue: string, key: string): BindingView => ({
	source,
	destination: { kind: "queue", name: queue },
	key,
	arguments: [],
	consumers: 2,
});

export function bindingsOf(exchange: string, queues: QueueRow[]): BindingView[] {
	return queues
		.filter((queue) => exchange !== "" && queue.name.startsWith(exchange.split(".")[0] ?? ""))
		.slice(0, 12)
		.map((queue) => bind(exchange, queue.name, queue.name.split(".").slice(1).join(".") || "#"));
}

export function queueView(row: QueueRow, queues: QueueRow[]): QueueView {
	const flat = (n: number | null) => row.trend.map((value) => (value === null ? null : n));
	const dead = row.isDeadLetterQueue;
	const sources = queues.filter((other) => dead && !other.isDeadLetterQueue).slice(4, 7);
	return {
		row,
		badges: row.label === "quorum" ? ["delivery limit 20, by default"] : [],
		durable: true,
		autoDelete: false,
		exclusive: false,
		arguments: [
			field("x-queue-type", "text", row.label),
			...(dead ? [] : [field("x-dead-letter-exchange", "text", "orders.dlx")]),
		],
		policies: [
			{ name: "keep-a-week", operator: false, definition: [field("message-ttl", "int64", "604800000")] },
		],
		bindings: dead ? [] : [bind("orders", row.name, row.name.split(".").slice(1).join("."))],
		deadLettersTo: dead
			? []
			: [
					{
						queue: row.name,
						exchange: "orders.dlx",
						routingKey: "payments",
						source: { kind: "argument" },
						reaches: ["orders.payments.dlq"],
						broken: false,
					},
				],
		deadLettersFrom: sources.map((source) => source.name),
		trendInFlight: flat(row.inFlight),
		trendIn: flat(row.rateIn),
		trendOut: flat(row.rateOut),
		missing: [],
	};
}
