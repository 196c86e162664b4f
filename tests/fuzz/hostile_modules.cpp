// Mutated compiled modules, as gmrun would load them. Each is refused with an error, or it is
// sound: it runs, on plain loops and on the fast kernels, without a crash, and its plan of memory
// changes no number, which is seen by running the same module without a plan beside it.
//
// GMC_MUTANTS says how many are tried; with AddressSanitizer, memory blocks end at poisoned bytes
// (runtime/memory/memory_block.cpp), so that reading or writing beside them is seen, too. A sound
// module can also be exported.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <random>

#include "compiler/ir/artefact.h"
#include "compiler/ir/text/printer.h"
#include "runtime/memory/memory_need.h"
#include "runtime/onnx/export.h"
#include "runtime/onnx/writer.h"
#include "runtime/program/executable.h"
#include "tests/compile_model.h"
#include "tests/run_all.h"

using namespace gmc;  // NOLINT

namespace {

/// Sound modules that want more memory than this, or more passes of a loop, are not run here.
constexpr int64_t kMostBytes = int64_t{64} << 20, kMostPasses = 1000;

int mutants() {
    const char* given = std::getenv("GMC_MUTANTS");
    return given == nullptr ? 400 : std::max(std::atoi(given), 1);
}

/// A module as lines, changed in one place after the other.
class Mutator {
  public:
    Mutator(const std::string& text, std::mt19937_64& random) : random_(random) {
        for (size_t begin = 0; begin < text.size();) {
            const size_t end = text.find('\n', begin);
            lines_.push_back(text.substr(begin, end - begin));
            begin = end + 1;
        }
    }

    std::string mutated() {
        for (size_t changes = 1 + below(3); changes > 0; --changes) change();
        std::string out;
        for (const std::string& line : lines_) out += line + "\n";
        return out;
    }

  private:
    size_t below(size_t n) { return n == 0 ? 0 : random_() % n; }
    std::string& any_line() { return lines_[below(lines_.size())]; }

    /// Half of all changes are to numbers, since sizes and offsets are what a reader has to
    /// distrust most.
    void change() {
        switch (below(8)) {
            case 0:
                lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(below(lines_.size())));
                break;
            case 1:
                std::swap(any_line(), any_line());
                break;
            case 2:
                any_line() = std::string(any_line());
                break;
            case 3:
                exchange("%@");  // another operand or result
                break;
            case 4:
                exchange("[");  // another shape
                break;
            default:
                number();
        }
    }

    /// Where in `line` words that begin with one of `firsts` begin.
    static std::vector<size_t> places(const std::string& line, const char* firsts) {
        std::vector<size_t> out;
        for (size_t i = line.find_first_of(firsts); i != std::string::npos;
             i = line.find_first_of(firsts, i + 1))
            out.push_back(i);
        return out;
    }
    static size_t word_end(const std::string& line, size_t begin) {
        return std::min(line.find_first_of(" ,:)}=\n", begin), line.size());
    }

    void exchange(const char* firsts) {
        std::string& to = any_line();
        const std::string from = any_line();
        const auto here = places(to, firsts), there = places(from, firsts);
        if (here.empty() || there.empty()) return;
        const size_t a = here[below(here.size())], b = there[below(there.size())];
        to.replace(a, word_end(to, a) - a, from.substr(b, word_end(from, b) - b));
    }

    /// Another number in the place of one: near, far, negative, or that of another line.
    void number() {
        std::string& line = any_line();
        const auto here = places(line, "0123456789");
        if (here.empty()) return;
        size_t begin = here[below(here.size())];
        while (begin > 0 && std::isdigit(static_cast<unsigned char>(line[begin - 1])) != 0) --begin;
        const size_t end = std::min(line.find_first_not_of("0123456789", begin), line.size());
        const long long old =
            std::atoll(line.substr(begin, std::min<size_t>(end - begin, 15)).c_str());
        static constexpr long long kNear[] = {1, -1, 2, 64, -64, 128, 4096, -4096};
        std::string text;
        switch (below(6)) {
            case 0:
                text = std::to_string(below(64));
                break;
            case 1:
                text = std::to_string(64 * below(20000));
                break;
            case 2: {
                static constexpr const char* kFar[] = {"-1",
                                                       "0",
                                                       "9223372036854775807",
                                                       "1048576",
                                                       "1099511627776",
                                                       "99999999999999999999"};
                text = kFar[below(std::size(kFar))];
                break;
            }
            case 3: {
                const std::string& other = any_line();
                const auto there = places(other, "0123456789");
                if (there.empty()) return;
                const size_t b = there[below(there.size())];
                text = other.substr(b, other.find_first_not_of("0123456789", b) - b);
                break;
            }
            default:
                text = std::to_string(old + kNear[below(std::size(kNear))]);
        }
        line.replace(begin, end - begin, text);
    }

    std::mt19937_64& random_;
    std::vector<std::string> lines_;
};

/// The same module with no places in memory.
ir::Module without_plan(ir::Module module) {
    for (ir::Function& function : module.functions) {
        function.arena_bytes = ir::kNone;
        for (ir::Value& value : function.values) value.arena_offset = value.home = ir::kNone;
    }
    return module;
}

/// What a module's functions compute, in bytes. Which NaN an operation gives may depend on where
/// its operands are, so all NaNs count as one number.
std::string computed(const ir::Module& module, bool reference) {
    Diagnostics diagnostics;
    runtime::StateStore states(module);
    if (!states.initialise(1, diagnostics)) return "";
    std::string out;
    for (float number : run_all(module, states, {.reference = reference})) {
        if (std::isnan(number)) number = std::numeric_limits<float>::quiet_NaN();
        out.append(reinterpret_cast<const char*>(&number), sizeof number);
    }
    return out;
}

/// How many passes the longest loop of a function has; 0: it has none.
int64_t passes(const ir::Function& function) {
    int64_t most = 0;
    for (const ir::Operation& op : function.operations)
        if (const auto* scan = op.as<ir::Scan>()) most = std::max(most, scan->count);
    return most;
}

bool is_large(const ir::Module& module) {
    return runtime::memory_need(module).total() > kMostBytes ||
           std::any_of(module.functions.begin(), module.functions.end(),
                       [](const auto& function) { return passes(function) > kMostPasses; });
}

/// Exports every function, as `gmrun export` does; that must not fail.
void export_all(const ir::Module& module) {
    const runtime::StateStore states(module);
    for (const ir::Function& function : module.functions) {
        if (function.is_body) continue;
        for (const onnx::Noise noise : {onnx::Noise::kInputs, onnx::Noise::kInside}) {
            onnx::Source source{&module, &function};
            source.state = [&](ir::StateId id) {
                return std::span<const float>(states.data(id),
                                              static_cast<size_t>(states.elements(id)));
            };
            CHECK_FALSE(model_bytes(onnx_model(source, noise, {})).model.empty());
        }
    }
}

/// Small models, so that many mutants are tried; widths are not those that vectors divide.
std::vector<std::string> compiled_seeds() {
    const std::string tests = GMC_SOURCE_DIR "/tests/";
    std::vector<std::string> out;
    for (const char* precision : {"f32", "bf16"}) {
        const std::vector<ir::Module> modules = {
            compile_model("r1_grid", {"train.batch_size=3", "width=24"}, precision),
            compile_model("wgan_gp_ring", {"train.batch_size=2", "width=20"}, precision),
            compile_model("shapes_vae", {"train.batch_size=2"}, precision),
            compile_file(tests + "convolutions.yaml", {}, precision),
            compile_file(tests + "loops.yaml", {}, precision)};
        for (const ir::Module& module : modules) out.push_back(ir::print(module));
    }
    return out;
}

/// As gmrun reads it.
Result<ir::Module> read_mutant(const std::string& text, Diagnostics& diagnostics) {
    ir::ReadArtefactOptions options;
    options.require_checksum = false;
    options.verify = {.allow_gradient = false, .planned = true, .runnable = true};
    return ir::read_artefact_text("mutant.gmc", text, options, diagnostics);
}

/// Writes a mutant that shows a bug into the current folder, for `gmrun`; gives the file's name.
std::string kept(const std::string& text) {
    std::ofstream("mutant.gmc") << text;
    return "mutant.gmc";
}

}  // namespace

TEST_CASE("a mutated module is refused, or its plan of memory is sound", "[fuzz]") {
    const std::vector<std::string> texts = compiled_seeds();
    std::mt19937_64 random(20261128);
    int refused = 0, ran = 0, large = 0;
    const int count = mutants();
    for (int i = 0; i < count; ++i) {
        const std::string text = Mutator(texts[random() % texts.size()], random).mutated();
        Diagnostics diagnostics;
        const auto module = read_mutant(text, diagnostics);
        if (!module.ok()) {
            if (!diagnostics.any()) FAIL("refused without a word:\n" << text);
            ++refused;
            continue;
        }
        if (is_large(*module)) {
            ++large;
            continue;
        }
        INFO("mutant " << i);
        const std::string planned = computed(*module, true);
        if (planned != computed(without_plan(*module), true))
            FAIL("the plan changes what is computed: " << kept(text));
        (void)computed(*module, false);
        export_all(*module);
        ++ran;
    }
    WARN(refused << " refused, " << ran << " sound, " << large << " too large");
    CHECK(refused > count / 3);
    CHECK(ran > count / 50);
}
