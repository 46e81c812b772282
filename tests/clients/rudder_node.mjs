// RudderStack's client for Node as its documentation shows it; prints every failure it tells of.
import RudderAnalytics from "@rudderstack/rudder-sdk-node";

const told = (error) => {
  if (error) console.log("error", error.message);
};
const analytics = new RudderAnalytics(process.env.WRITE_KEY, { dataPlaneUrl: `${process.env.PORTAL}/api`, flushAt: 20 });
analytics.track({ anonymousId: "a1", event: "page.found" }, told);
analytics.group({ userId: "u1", groupId: "acme", traits: { name: "株式会社アクメ", plan: "pro" } }, told);
analytics.identify(
  { userId: "u1", anonymousId: "a1", traits: { name: "早川 美咲", email: "misaki@acme.example" } },
  told,
);
for (let number = 0; number < 50; number += 1) {
  const message = { userId: "u1", event: "invoice.sent", properties: { number }, messageId: `m${number % 40}` };
  analytics.track(message, told);
}
analytics.page({ userId: "u1", name: "Pricing" }, told);
analytics.screen({ userId: "u1", name: "Home" }, told);
analytics.alias({ previousId: "a2", userId: "u1" }, told);
// Each flush sends one batch.
for (let round = 0; round < 4; round += 1) await analytics.flush();
