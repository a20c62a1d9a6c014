import { createPhoneUser, type PhoneUser } from "../../demo/phone-user.ts";
import { control } from "../../embedded/control-api.ts";
import { accessOf, type ChaosFleet, eventually } from "./fleet.ts";

/** The verdicts on numbered messages of two judges that do not know each other. */
export interface BurstVerdict {
  readonly messages: number;
  /** By telegram-dc: the replies to each person. */
  readonly arrived: Faults;
  /** By the database: the turns of each person. */
  readonly taken: Faults;
}

export interface Faults {
  readonly lost: number;
  readonly duplicated: number;
  readonly outOfOrder: number;
}

export interface Bursts {
  /** Stops talking; resolves when every message is answered. */
  end(): Promise<BurstVerdict>;
}

const peoplePerAccount = 3;
const burstLength = 5;
/** So small that a person ends with fewer messages than the data centre lists at once. */
const betweenBurstsMs = 2_000;
const answeredMsMax = 60_000;

interface Writer {
  readonly person: PhoneUser;
  readonly account: string;
  readonly username: string;
  said: number;
}

/**
 * People who send several numbered messages at once, without waiting, to a bot that echoes them.
 */
export async function startBursts({ dc, accounts, database }: ChaosFleet): Promise<Bursts> {
  const base = accessOf(dc);
  const writers: Writer[] = await Promise.all(
    accounts.flatMap(({ account, username }) =>
      Array.from({ length: peoplePerAccount }, async (_, n) => {
        const person = await createPhoneUser(base, `Numberer ${n + 1} of ${account}`, username);
        return { person, account, username, said: 0 };
      }),
    ),
  );
  let isOver = false;

  async function write(writer: Writer): Promise<void> {
    while (!isOver) {
      for (let n = 0; n < burstLength; n += 1) {
        const text = `#${writer.said + 1}`;
        await control(base, "POST", `/users/${writer.person.id}/send`, {
          peer: writer.username,
          text,
        });
        writer.said += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, betweenBurstsMs));
    }
  }
  const writing = Promise.all(writers.map(write));

  const echoes = async ({ person }: Writer) =>
    (await person.received()).filter((text) => text.startsWith("#")).map(numberOf);
  const turns = async ({ person, account }: Writer) => {
    const rows = await database.query<{ asked: string }>(
      `select t.asked from turns t join conversation_sessions s on s.id = t.session_id
       where s.account = $1 and s.chat_user = $2 order by t.session_id, t.seq`,
      [account, person.id],
    );
    return rows.map(({ asked }) => numberOf(asked));
  };

  return {
    async end() {
      isOver = true;
      await writing;
      await eventually(
        "every numbered message is answered",
        async () => {
          const all = await Promise.all(writers.map(echoes));
          return writers.every(({ said }, n) => new Set(all[n]).size >= said) || null;
        },
        answeredMsMax,
      ).catch(() => null);
      const [arrived, taken] = await Promise.all([
        Promise.all(writers.map(echoes)),
        Promise.all(writers.map(turns)),
      ]);
      return {
        messages: writers.reduce((sum, { said }) => sum + said, 0),
        arrived: judge(writers, arrived),
        taken: judge(writers, taken),
      };
    },
  };
}

const numberOf = (text: string): number => Number(text.slice(1));

function judge(writers: readonly Writer[], all: readonly (readonly number[])[]): Faults {
  const faults = writers.map(({ said }, index) => {
    const numbers = all[index] ?? [];
    const different = new Set(numbers).size;
    return {
      lost: said - different,
      duplicated: numbers.length - different,
      outOfOrder: numbers.filter((number, at) => at > 0 && number < numbers[at - 1]!).length,
    };
  });
  const sum = (of: keyof Faults) => faults.reduce((total, fault) => total + fault[of], 0);
  return { lost: sum("lost"), duplicated: sum("duplicated"), outOfOrder: sum("outOfOrder") };
}
