"""Words for what people read to each other: passphrases that are drawn, and the fingerprints of keys.

1024 English nouns and a few others, plain, concrete and unlike one another by ear: ten bits each. Their order and
number are part of a fingerprint, and never change.
"""

from __future__ import annotations

import secrets

from transport.protection.cipher import fingerprint

_TEXT = """
acorn actor adult agent album alder alley almond alpine amber anchor angle animal ankle antler anvil apple apron
arch arena armor arrow artist aspen atlas attic autumn avenue award axle baby bacon badge badger bagel baker bakery
balcony ball balloon bamboo banana banjo bank banner barber bark barley barn baron barrel basil basin basket battery
beach beacon bead beak beam bean bear beard beaver beech beef beetle bell belt bench berry bicycle bike birch bird
biscuit bishop bison blanket blazer blender block blossom blouse boat bobbin body boiler bolt bonfire bonnet book
boot border bottle bottom boulder bowl bracket braid brain branch brass bread breeze brick bridge broom brother
brown brush bubble bucket buckle budget buffalo bugle builder bulb bull bunker butler butter button cabbage cabin
cable cactus cafe cage cake camel camera camp canal candle candy canoe canvas canyon cape captain caramel carbon
card carpet carrot cart castle cattle cave cedar ceiling celery cellar cello cement center cereal chain chair chalk
channel chapel chapter cheek cheese chef cherry chess chest chicken child chimney chin chisel church cider cigar
cinema circle circus citrus city clam clarinet clay cliff clinic cloak clock closet cloth cloud clover club coach
coal coast coat cobalt cobra cocoa coconut coffee coin collar colony color column comb comet compass copper coral
cork corn corner cotton couch cougar council country cousin cowboy coyote crab cradle crane crater crayon cream
creek crew cricket crocus crown crystal cube cuckoo curtain curve cushion cyclone cymbal cypress dagger dairy daisy
dancer dawn deck deer delta denim dentist desert desk diamond diary dinner dish doctor doll dolphin dome donkey door
dough dove dozen dragon drama drawer dream dress drill driver drum duck dune dusk dust eagle earth easel east echo
eight elbow elder ember emerald engine envelope evening fabric face factory falcon family farm farmer father feather
fence fern ferry fiddle field finch finger fire fish fisher five flag flame flask fleet flint float flood floor
flower flute foam foot forest fork fort fossil fountain four frame freezer friday friend frog frost fruit fudge
funnel galaxy gallery garage garden garlic garnet gate gazelle gecko geese geyser giant ginger giraffe glacier glass
globe glove glue goat goblet gold golf goose gorge gospel grain granite grape grass gravel gravity green grill grove
guard guest guide guitar gulf gull hail hall halo hammer hammock hamster hand handle harbor harp harvest hatch hawk
hazel heart heater hedge heel helmet hermit heron herring hill hinge hippo hive hockey holly home honey hoof hook
horizon horn horse hose hotel hound hour house hunter icicle igloo inch infant insect iron island ivory jacket jade
jaguar january jasmine jazz jeans jelly jewel jockey judge juice july june jungle juniper jury kayak keeper kennel
kettle kidney king kitchen kite kitten knee knight knot koala label lace ladder lady lagoon lake lamb lamp lantern
laptop lark laser lava lawn lawyer leaf leather ledge leek legend lemon lens lentil leopard letter lettuce level
lever library light lilac lily lime linen lion lizard llama loaf lobby lobster locker loft lotus lumber lunar lunch
lynx lyric machine magnet magpie maid mammal mango manor maple marble march marina market marsh mason mast match
mayor meadow meal medal melody melon member menu merchant metal meteor metro middle mill mine miner mint minute
mirror mitten mole monday money monkey month moon morning moss moth mother motor mountain mouth muffin mug mule
museum mushroom music mustard napkin nation nature neck nectar needle neon nephew nest net nettle nickel niece nine
noodle noon north nose note novel nurse nut nutmeg oak oasis oat oboe ocean octopus office oil olive onion onyx opal
opera orange orbit orchard orchid organ osprey ostrich otter oval oven owl owner oxygen oyster paddle page paint
palace palm panda panel panther papaya paper parade parcel parent park parrot parsley party pasta pastry path patio
peach peacock peanut pearl pebble pedal pelican pen pencil penguin penny people pepper petal piano pickle picnic
pier pig pigeon pillar pillow pilot pine pipe piper pirate pistol pizza planet plank plant plate plaza plumber
pocket poem poet pole polo pond pony pool popcorn poppy porch port postcard pot potato powder prairie prince printer
prism pudding puffin pulley pump pumpkin pupil puppet puppy purple purse puzzle pyramid quail quarry quartz queen
quiet quill quilt quiver rabbit raccoon radar radio radish raft rain rainbow raisin ranch ranger raven ravine razor
recipe record relish ribbon rice ridge river road robin robot rock rocket roof room rooster root rope rowboat ruby
rudder ruler runner rust sable saddle safari sage sail sailor salad salmon salon salt sand sandal satin sauce saucer
sauna scale scarf scene school science scooter scout screen screw seal season seat second seed seven shade shadow
shark shed sheep sheet shelf shell shelter shepherd sheriff shield ship shirt shoe shop shore shovel shower shrimp
shrub shuttle sierra silk silver singer sink siren sister skate ski skirt sky slate sled sleeve slipper slope smoke
snail snake snow soap soccer sock soda sofa soil solar soldier sonnet soup south spade spark sparrow spear spice
spider spinach spiral spirit sponge spoon spring spruce square squash squid stable stadium staff stage stair stamp
star station statue steam stem step stereo stone stool storm story stove straw stream street string student studio
sugar suit summer sunday sunset surf swallow swamp swan sweater swing sword syrup table tablet tailor talon tango
tank target tavern taxi tea teacher team temple tennis tent thistle thorn thread throne thumb thunder ticket tide
tiger tile timber toad toast tobacco tomato tongue tool tooth topaz torch tower town toy track tractor trail train
tray treaty tree trench triangle trick trolley trophy trout truck trumpet trunk tuba tulip tuna tundra tunnel turkey
turnip turtle tuxedo twig twin uncle union valley valve vanilla vapor vase vault velvet vendor vest village vine
vinegar violet violin visitor voice volcano voyage vulture waffle wagon waiter walnut walrus waltz wand warden wasp
watch water wave wax weasel weaver wedge well west wheat wheel whisker whistle white widow willow wind window wine
wing winter wire wizard wolf wood wool worker world wren wrist writer yacht yard yarn yeast yellow yogurt zebra
zenith zero zinc zipper
"""
WORDS = tuple(_TEXT.split())
"""The words, in the order of their numbers."""
PASSPHRASE_WORDS = 5
"""Number of words in a passphrase that is drawn: 50 bits, 10^15 guesses of half a second each."""
FINGERPRINT_WORDS = 3
"""Number of words in a fingerprint: 30 bits."""


def random_passphrase(words: int = PASSPHRASE_WORDS) -> str:
    """Return a passphrase that nobody knows yet, ten bits for each word."""
    return " ".join(secrets.choice(WORDS) for _ in range(words))


def fingerprint_words(key: bytes) -> str:
    """Return what two people read to each other to see that they have the same key."""
    number = fingerprint(key)
    return " ".join(WORDS[number >> 10 * place & 1023] for place in reversed(range(FINGERPRINT_WORDS)))


def fingerprint_line(words: str) -> str:
    """Return the line in which a fingerprint is shown."""
    return f"the key's fingerprint: {words} (read it to each other: the same words, the same key)"
