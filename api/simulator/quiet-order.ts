/** Orders of which nothing is remarkable: detection must find nothing in them, however many there are. */
import { settledLife } from './lifecycle.ts'
import { plainBasket, type Scenario } from './scenario.ts'

/** As often as this another user is tried, until it is a newcomer's order. */
const attempts = 10

export const quietOrder: Scenario = {
  name: 'quiet-order',
  weight: 1,
  plan: (context) => {
    const { random, shop, customers, startTimeMs: timeMs } = context
    const order = { timeMs, currency: random.pick(shop.currencies), lines: plainBasket(context) }
    let userId: string | undefined
    for (let attempt = 0; attempt < attempts && userId === undefined; attempt++) {
      const someone = `user-${random.popular(shop.users) + 1}`
      if (customers.placeUnremarkable(someone, order)) userId = someone
    }
    return [
      {
        userId: userId ?? customers.newcomer(),
        storeId: `store-${random.integer(1, shop.stores)}`,
        currency: order.currency,
        lines: order.lines,
        events: settledLife(random, { status: 'CREATED', timeMs }),
      },
    ]
  },
}
