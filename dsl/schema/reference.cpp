// Writes the table of the language as a Markdown page, dsl/REFERENCE.md.
#include <fmt/format.h>

#include "dsl/schema/functions.h"
#include "dsl/schema/schema.h"

namespace gmc::dsl {
namespace {

/// Escapes `|`, which would end a cell of a Markdown table.
std::string cell(std::string text) {
    for (size_t i = 0; i < text.size(); ++i)
        if (text[i] == '|') text.replace(i++, 1, "\\|");
    return text;
}

/// KeyRow::holds in words: "{network}" -> "map of network", "[layer]" -> "list of layer", "a|b" ->
/// "a or b".
std::string holds_in_words(std::string_view holds) {
    const std::vector<std::string> parts = split_alternatives(holds);
    std::string out;
    for (const std::string& part : parts) {
        if (!out.empty()) out += " or ";
        const std::string inner = part.size() > 2 ? part.substr(1, part.size() - 2) : "";
        if (part[0] == '{')
            out += "map of " + holds_in_words(inner);
        else if (part[0] == '[')
            out += "list of " + holds_in_words(inner);
        else
            out += part;
    }
    return out;
}

/// A table of keys.
void add_rows(std::string& out, const std::vector<KeyRow>& rows) {
    out += "| key | value | default | meaning |\n|---|---|---|---|\n";
    for (const KeyRow& row : rows) {
        const std::string fallback = row.required()       ? "required"
                                     : !row.has_default() ? ""
                                     : *row.fallback      ? fmt::format("`{}`", row.fallback)
                                                          : "empty";
        const std::string value =
            row.type == KeyType::kStructure ? holds_in_words(row.holds) : describe(row);
        out +=
            fmt::format("| `{}` | {} | {} | {} |\n", row.key, cell(value), fallback, cell(row.doc));
    }
    out += "\n";
}

constexpr const char* kHead = R"(# Reference of the model language

Made by `language_reference()` from the tables that the reader uses. A test compares this page with
them: after a change, run the unit tests with `GMC_BLESS=1`.

- Shapes leave out the batch and end in channels: `[28, 28, 1]`.
- `${name}` is replaced by a variable, anywhere in a value; a value that is nothing else keeps the variable's type.
- A number that is an expression may also be a schedule: `{linear: {from: 0, to: 1, over: 10 epochs}}`.
- Wherever a number is meant, arithmetic of numbers stands for it: `units: "${width} * 2"`, `reshape: ["${side}^2", 8]`.
- Inside of `{}` and `[]` a comma ends a text without quotes, but not between parentheses: `{loss: mean(f(a, b))}`.
- Numbers are decimal, and fit in f32: `1e-4` is one; `1_000`, `0x10`, `010` and `1e39` are not. Limits hold in f32:
  0.99999999 is 1 there, which is not below 1.
- Flags are `true` and `false`, nothing else.

)";

constexpr const char* kKindsHead = R"(## Kinds of models

What makes each kind is its objective. A recipe writes it; for the others it is a few lines over the functions below and
those of models/layers (`gmc layers`), as in the file to read.

| kind | what is minimized | after | to read |
|---|---|---|---|
)";

struct KindRow {
    const char *kind, *minimized, *after, *model;
};
constexpr KindRow kKinds[] = {
    {"autoencoder", "the error of `decoder(encoder(x))`: recipe `ae`",
     "Hinton and Salakhutdinov 2006", "ae"},
    {"variational autoencoder", "the negative evidence lower bound: recipes `vae`, `cvae`",
     "Kingma and Welling 2014", "vae_mlp"},
    {"importance-weighted autoencoder",
     "a tighter bound, the `logsumexp` of several samples' weights", "Burda et al. 2016", "iwae"},
    {"total-correlation autoencoder",
     "the bound, with the dependence between codes, over `examples(...)`, weighted "
     "more",
     "Chen et al. 2018", "tc_vae"},
    {"Wasserstein autoencoder",
     "the error, and how far codes are from normal by kernels of all pairs",
     "Tolstikhin et al. 2018", "wae_mmd"},
    {"vector quantization",
     "the error through the nearest code, and both ways to it: recipe `vq_vae`",
     "van den Oord et al. 2017", "vq_vae"},
    {"adversarial network",
     "the discriminator's loss and the generator's, by turns: recipes `gan`, `lsgan`, "
     "`hinge`, `wgan_gp`, `r1`, `cgan`",
     "Goodfellow et al. 2014", "seed_gan"},
    {"adversarial network with attention", "the same; attention is in the networks",
     "Zhang et al. 2019", "sagan"},
    {"diffusion",
     "the squared error of the noise that a network finds: `denoising_loss`; a loop "
     "samples",
     "Ho et al. 2020", "ddpm"},
    {"flow matching", "the squared error of the way from noise to picture; a loop samples",
     "Lipman et al. 2023", "flow_matching"},
    {"energy-based model",
     "energies of data against those of chains, a `state` that goes on from step to "
     "step",
     "Du and Mordatch 2019", "ebm"},
    {"contrastive representation",
     "how badly two views find each other in the batch: `contrastive`", "Chen et al. 2020",
     "simclr"},
    {"autoregressive sequence",
     "the cross entropy of each element given those before it; a loop writes", "Cho et al. 2014",
     "gru_text"},
};

constexpr const char* kLayersHead = R"(## Layers

A layer is `- kind`, `- kind: {keys}`, or `- kind: value` for its main key, in bold. The name of a
block is a layer too, and so is whatever can be called in expressions: `- matmul: [q, k]`,
`- clamp: {low: 0, high: 1}`, `- encoder: {from: x, name: q}`. Tensors come from `from`, other arguments are
keys by their names. Layers without weights are functions of expressions too: inputs first, then the value of
the main key, others by name: `reshape(x, [7, 7, 16])`, `slice(x, axis=0, stop=1)`, `max_pooling2d(x, 2)`.

)";

constexpr const char* kFunctionsHead = R"(## Functions of expressions

Operators, loosest first: `or`, `and`, `not`, `< > <= >= == !=` (all 1 or 0), `+ -`, `* / %` (`%` has the sign
of its right side, as in Python), the sign, `^` (to the right; `-x^2` is `-(x^2)`), and `.name` for a
part of what a network gives. A network is called like a function, with as
many arguments as it has inputs; its name alone, in `normal(network)`, stands for the shape of its
input. Names are those of networks, `parameters`, `state`, fields of the data, `let`, parameters of the
function and numeric variables; and `step`, `epoch` and `pi`. `[1, 2]` is a list of sizes or axes, `true` is 1,
`false` is 0.

Shapes meet as in NumPy: compared from the last axis on, sizes of 1 and missing axes repeat; what has no
batch (`index(4)`, `batch_mean(x)`) goes with every example, and one number with any shape. Where two values
of an example would both repeat, they need as many axes: `[5]` and `[3, 1]` do not meet, `[1, 5]` and `[3, 1]` do.

A reduction runs over all axes of an example and leaves one number per example; of one number per example it
runs over the batch: `mean(sum(x))` is the batch's mean of each example's sum. Of vectors of one number, where
`mean`, `max` and `min` would change nothing, these three run over the batch at once: `mean(discriminator(x))`.
`axis=k` names an axis of the example, counted from 0 or from the end by -1; `axis=[0, 1]` several,
`axis=example` all of them whatever they are, `axis=batch` the batch. `keep=true` leaves reduced axes with size 1.

Over all data, `eval` and `validate` join batches so: sums, means, maxima, minima and `logsumexp` over the batch are
of all examples, and so is what is computed from them, as `mean(x^2) - mean(x)^2`. What relates an example to its
batch, as `mean((x - mean(x))^2)`, gradients and loops do, is the mean of what each batch gives.

`net.weights` are the weights of a network, `net.layer.weights` those of one of its layers: several tensors, with
which operators and functions of one argument (`abs`, `exp`, `log`, `sqrt`, `square`, `tanh`, `stop_gradient`)
compute one by one. `sum`, `mean` and `norm` of them are numbers, `grad(f, net.weights)` is a gradient for each, and
`net(x, weights=w)` is the network with such weights in place of its own: `w: d.weights - 0.1 * grad(loss,
d.weights)` and `d(x, weights=w)` look one step ahead. Running statistics do not move there.

**Shared (tied) weights.** A network has its weights once, however often it is applied: `net(a) - net(b)`, or as a
layer `- net` of several networks. A tensor of several layers or networks is an entry of `parameters`, which an entry
of `minimize` lists as a network: `matmul(previous, w)` in the one, `matmul(previous, permute(w, axes=[1, 0]))` in the
other. So `lookup(table, tokens)` and logits `matmul(h, permute(table, axes=[1, 0]))` have one table of embeddings.

| function | rule |
|---|---|
)";

}  // namespace

std::vector<std::string> split_alternatives(std::string_view holds) {
    std::vector<std::string> out(1);
    int depth = 0;
    for (const char c : holds) {
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') --depth;
        if (c == '|' && depth == 0)
            out.emplace_back();
        else
            out.back() += c;
    }
    return out;
}

/// Mappings, layers and functions, in the order of their tables; the main key of a layer is printed
/// bold by exchanging its cell.
std::string language_reference() {
    std::string out = std::string(kHead) + kKindsHead;
    for (const KindRow& row : kKinds)
        out += fmt::format("| {} | {} | {} | `models/{}.yaml` |\n", row.kind, row.minimized,
                           row.after, row.model);
    out += "\n";
    for (const MappingRow& mapping : mapping_table()) {
        out += fmt::format("## {}\n\n{}\n\n", mapping.name, mapping.doc);
        add_rows(out, mapping.keys);
    }
    out += kLayersHead;
    for (const LayerRow& layer : layer_table()) {
        out += fmt::format("### {}\n\n{}\n\n", layer.kind, layer.doc);
        std::string rows;
        add_rows(rows, layer.keys);
        const std::string main = fmt::format("| `{}` |", layer.main_key);
        if (const size_t at = rows.find(main); *layer.main_key && at != std::string::npos)
            rows.replace(at, main.size(), fmt::format("| **`{}`** |", layer.main_key));
        out += rows;
    }
    out += kFunctionsHead;
    for (const FunctionRow& function : function_table())
        out += fmt::format("| `{}` | {}{} |\n", function.usage, cell(function.doc),
                           std::string_view(function.named) == "axis"
                               ? "; `axis=k` names one axis of the example"
                               : "");
    return out;
}

}  // namespace gmc::dsl
