// The rows of optimizers and schedules.
#include "dsl/schema/schema_rows.h"

namespace gmc::dsl {
namespace {

constexpr const char* kWarmUp =
    "`500 steps`: the value grows into its own, times min((step + 1) / 500, 1); of epochs, "
    "min(epoch / n, 1)";

std::vector<KeyRow> adam_keys() {
    return {
        expression("learning_rate", "1e-3", "step size"),
        expression("beta_1", "0.9", kDecay, "decay of the running mean"),
        expression("beta_2", "0.999", kDecay, "decay of the running square"),
        expression("epsilon", "1e-7", kNotNegative, "added to the root of the square"),
    };
}

/// Adds the keys that all optimizers have to those of one.
std::vector<KeyRow> with_common(std::vector<KeyRow> keys, const char* weight_decay) {
    const std::vector<KeyRow> common = {
        expression("weight_decay", weight_decay, kNotNegative,
                   "weights shrink by learning_rate * weight_decay of themselves before each "
                   "update, apart from the gradient (decoupled, as in Keras)"),
        expression("clip_value", kOptional, kPositive,
                   "gradients are held within [-clip_value, clip_value]", "clip"),
        expression("clip_norm", kOptional, kPositive,
                   "a parameter's gradient is scaled down to at most this norm", "clip"),
        expression("global_clip_norm", kOptional, kPositive,
                   "all gradients of the entry together are scaled down to at most this norm",
                   "clip"),
        expression("clip_weights", kOptional, kPositive,
                   "after the update all parameters of the entry are held within [-clip_weights, "
                   "clip_weights] (Arjovsky et al. 2017)"),
        structure("rate_factors", "{expression}", kOptional,
                  "factors of `learning_rate` by network, layer or weight: `{mapping: 0.01, "
                  "encoder.head: 10}`; of names that fit a weight the longest counts"),
        structure("lookahead", "lookahead", kOptional,
                  "slow weights that follow those of the optimizer (Zhang et al. 2019)"),
    };
    keys.insert(keys.end(), common.begin(), common.end());
    return keys;
}

}  // namespace

std::vector<MappingRow> optimizer_rows() {
    return {
        {"optimizer",
         {
             structure("adam", "adam", kOptional, "Adam (Kingma and Ba 2014)", "optimizer"),
             structure("adamw", "adamw", kOptional,
                       "Adam with weight decay (Loshchilov and Hutter 2017)", "optimizer"),
             structure("lion", "lion", kOptional,
                       "steps of one size, by the sign of a running mean (Chen et al. 2023)",
                       "optimizer"),
             structure("rmsprop", "rmsprop", kOptional,
                       "steps divided by a running root mean square (Tieleman and Hinton 2012)",
                       "optimizer"),
             structure("sgd", "sgd", kOptional, "gradient descent with momentum", "optimizer"),
         },
         "One optimizer. Its numbers may be expressions of `step` and `epoch`, or schedules."},
        {"lookahead",
         {
             integer("every", "5", Range{1, 1'000'000}, "updates from one look to the next"),
             expression("share", "0.5", Range{0, 1},
                        "how far the slow weights go towards the optimizer's, which then go on "
                        "from there"),
         },
         "Every so many updates the weights are taken back to between where they were at the "
         "update before the last look and where they are. Samples are of the optimizer's own "
         "weights."},
        {"adam", with_common(adam_keys(), "0"), "Adam with bias correction, as Keras has it."},
        {"adamw", with_common(adam_keys(), "0.004"),
         "Adam whose weights decay by themselves, not through the gradient."},
        {"lion",
         with_common(
             {
                 expression("learning_rate", "1e-3", "step size; a third to a tenth of Adam's"),
                 expression("beta_1", "0.9", kDecay, "share of the mean in the direction"),
                 expression("beta_2", "0.99", kDecay, "decay of the running mean"),
             },
             "0"),
         "Lion, as Keras has it."},
        {"rmsprop",
         with_common(
             {
                 expression("learning_rate", "1e-3", "step size"),
                 expression("rho", "0.9", kDecay, "decay of the running square"),
                 expression("momentum", "0", kDecay, "share of the last update that is kept"),
                 expression("epsilon", "1e-7", kNotNegative,
                            "added to the running square, under the root"),
                 flag("centered", "false", "the square of the running mean is taken off it"),
             },
             "0"),
         "RMSprop, as Keras has it."},
        {"sgd",
         with_common(
             {
                 expression("learning_rate", "0.01", "step size"),
                 expression("momentum", "0", kDecay, "share of the last update that is kept"),
                 flag("nesterov", "false", "Nesterov's momentum, which looks ahead"),
             },
             "0"),
         "Stochastic gradient descent."},
    };
}

std::vector<MappingRow> schedule_rows() {
    return {
        {"schedule",
         {
             structure("constant", "number|constant schedule", kOptional,
                       "one number, for its `warm_up`"),
             structure("linear", "schedule keys", kOptional, "straight from `from` to `to`"),
             structure("cosine", "schedule keys", kOptional, "half a cosine from `from` to `to`"),
             structure("step", "step schedule", kOptional, "times `factor` again and again"),
             structure("one_cycle", "one-cycle schedule", kOptional,
                       "up to a peak and down again (Smith and Topin 2018)"),
             structure("cyclical", "cyclical schedule", kOptional,
                       "grows, stays and begins anew (Fu et al. 2019)"),
         },
         "A number that changes in training. It is short for a call such as linear(from, to, over, "
         "unit) with unit `epoch` or `step`; with `warm_up`, times warm_up(over, unit)."},
        {"schedule keys",
         {
             number("from", kRequired, kAnyNumber, "first value"),
             number("to", kRequired, kAnyNumber, "last value"),
             text("over", kRequired, "`10 epochs` or `5000 steps`; then it stays"),
             text("warm_up", kOptional, kWarmUp),
         },
         "The keys of `linear` and `cosine`."},
        {"constant schedule",
         {
             number("value", kRequired, kAnyNumber, "the number"),
             text("warm_up", kOptional, kWarmUp),
         },
         "The keys of `constant`."},
        {"step schedule",
         {
             number("from", kRequired, kAnyNumber, "first value"),
             number("factor", kRequired, kPositive, "what it is multiplied by each time"),
             text("every", kRequired, "`30 epochs` or `5000 steps`"),
             text("warm_up", kOptional, kWarmUp),
         },
         "The keys of `step`: from * factor^floor(t / every)."},
        {"one-cycle schedule",
         {
             number("peak", kRequired, kAnyNumber, "the largest value"),
             text("over", kRequired, "`10 epochs` or `5000 steps`; then it stays"),
         },
         "The keys of `one_cycle`, as PyTorch's OneCycleLR has it: half a cosine from peak / 25 up "
         "to `peak` in three tenths of the time, then one down to peak / 250,000, which the last "
         "of so many steps has."},
        {"cyclical schedule",
         {
             number("to", kRequired, kAnyNumber, "last value of a cycle"),
             number("from", "0", kAnyNumber, "its first value"),
             number("growing", "0.5", Range{0.001, 1}, "share of a cycle in which it grows"),
             text("every", kRequired, "length of a cycle: `10 epochs` or `5000 steps`"),
             text("warm_up", kOptional, kWarmUp),
         },
         "The keys of `cyclical`: straight from `from` to `to` in the first part of each cycle, as "
         "for the weight of a divergence."},
    };
}

}  // namespace gmc::dsl
