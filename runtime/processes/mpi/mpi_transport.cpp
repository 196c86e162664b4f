// The plug-in: Transport on MPI. It is compiled once per MPI that is there at build time, since
// programs of one MPI do not run with another.
#include <mpi.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "runtime/processes/mpi/exchange.h"
#include "runtime/processes/transport.h"

namespace gmc::runtime {
namespace {

constexpr int kTag = 18;

class MpiTransport final : public Transport {
  public:
    MpiTransport() {
        int provided = 0;
        MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
        if (provided < MPI_THREAD_SERIALIZED) {
            std::fprintf(stderr, "gmrun: this MPI serves only the thread that has started it\n");
            end_all(3);
        }
        // The run's own communicator: nothing else that uses MPI can get its messages.
        MPI_Comm_dup(MPI_COMM_WORLD, &all_);
        MPI_Comm_set_errhandler(all_, MPI_ERRORS_RETURN);
        MPI_Comm_rank(all_, &rank_);
        MPI_Comm_size(all_, &size_);
        find_machines();
    }

    int rank() const override { return rank_; }
    int size() const override { return size_; }

    std::string exchange(int to, const void* out, size_t out_bytes, int from, void* in,
                         size_t in_bytes) override {
        Way sending = Way::to(to, out, out_bytes, piece(to), kTag, all_);
        Way receiving = Way::from(from, in, in_bytes, piece(from), kTag, all_);
        const auto wanted = [this] { return processor_is_wanted_ && processor_is_wanted_(); };
        const int result = gmc::runtime::exchange(sending, receiving, wanted);
        return result == MPI_SUCCESS ? "" : text_of(result);
    }

    [[noreturn]] void end_all(int code) override {
        std::fflush(nullptr);
        // Launchers drop what they have not read of a process when they end.
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        MPI_Abort(MPI_COMM_WORLD, code);
        std::_Exit(code);
    }

    void finish() override {
        MPI_Comm_free(&all_);
        MPI_Finalize();
    }

  private:
    void find_machines() {
        MPI_Comm machine = MPI_COMM_NULL;
        MPI_Comm_split_type(all_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
        int first = rank_;
        MPI_Bcast(&first, 1, MPI_INT, 0, machine);
        MPI_Comm_free(&machine);
        machines_.resize(static_cast<size_t>(size_));
        MPI_Allgather(&first, 1, MPI_INT, machines_.data(), 1, MPI_INT, all_);
    }

    size_t piece(int other) const {
        const auto machine = [&](int rank) { return machines_[static_cast<size_t>(rank)]; };
        return machine(other) == machine(rank_) ? kLongPiece : kShortPiece;
    }

    static std::string text_of(int error) {
        char text[MPI_MAX_ERROR_STRING] = "";
        int length = 0;
        MPI_Error_string(error, text, &length);
        return {text, static_cast<size_t>(length)};
    }

    MPI_Comm all_ = MPI_COMM_NULL;
    int rank_ = 0, size_ = 1;
    std::vector<int> machines_;  ///< of each process: the first process on its machine
};

}  // namespace
}  // namespace gmc::runtime

extern "C" gmc::runtime::Transport* gmc_start_transport(int version) {
    if (version != gmc::runtime::kTransportVersion) return nullptr;
    return new gmc::runtime::MpiTransport();
}
