export interface Task {
  readonly id: string;
  readonly title: string;
  readonly status: "planned" | "in progress" | "done";
}

export interface Site {
  readonly id: string;
  readonly name: string;
  readonly tasks: readonly Task[];
}

/** The building sites that the example bot knows. */
export const exampleSites: readonly Site[] = [
  {
    id: "champigny",
    name: "Champigny",
    tasks: [
      { id: "champigny-1", title: "Pour the ground-floor slab", status: "done" },
      {
        id: "champigny-2",
        title: "Install the scaffolding on the north side",
        status: "in progress",
      },
      { id: "champigny-3", title: "Lay the bathroom tiles", status: "planned" },
      { id: "champigny-4", title: "Paint the stairwell", status: "planned" },
    ],
  },
  {
    id: "vitry",
    name: "Vitry",
    tasks: [
      { id: "vitry-1", title: "Remove the old roof", status: "done" },
      { id: "vitry-2", title: "Fit the new rafters", status: "in progress" },
      { id: "vitry-3", title: "Insulate the attic", status: "planned" },
    ],
  },
  {
    id: "ivry",
    name: "Ivry",
    tasks: [
      { id: "ivry-1", title: "Run the electric cables on floor 2", status: "in progress" },
      { id: "ivry-2", title: "Close the partition walls", status: "planned" },
      { id: "ivry-3", title: "Check the fire doors", status: "planned" },
    ],
  },
  {
    id: "creteil",
    name: "Créteil",
    tasks: [
      { id: "creteil-1", title: "Dig the drainage trench", status: "done" },
      { id: "creteil-2", title: "Set the kerb stones", status: "in progress" },
      { id: "creteil-3", title: "Asphalt the car park", status: "planned" },
    ],
  },
];
