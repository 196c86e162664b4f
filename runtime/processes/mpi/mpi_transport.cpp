// The plug-in: Transport on MPI. It is compiled once per MPI that is there at build time, since
// programs of one MPI do not run with another.
#include <mpi.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "runtime/processes/transport.h"

namespace gmc::runtime {
namespace {

/// MPI counts bytes in an int. Longer messages are sent in pieces.
constexpr size_t kPiece = size_t{1} << 30;
constexpr int kTag = 18;
/// How often a message is asked for before the processor is left to others, and then slept.
constexpr int kEagerTests = 2000, kYieldingTests = 4000;
constexpr useconds_t kNap = 50, kShortNap = 20;  ///< microseconds

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
    }

    int rank() const override { return rank_; }
    int size() const override { return size_; }

    std::string exchange(int to, const void* out, size_t out_bytes, int from, void* in,
                         size_t in_bytes) override {
        const auto* next_out = static_cast<const char*>(out);
        auto* next_in = static_cast<char*>(in);
        while (out_bytes > 0 || in_bytes > 0) {
            const size_t sent = std::min(out_bytes, kPiece), received = std::min(in_bytes, kPiece);
            MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
            int result = MPI_SUCCESS;
            if (received > 0)
                result = MPI_Irecv(next_in, static_cast<int>(received), MPI_BYTE, from, kTag, all_,
                                   &requests[0]);
            if (sent > 0 && result == MPI_SUCCESS)
                result = MPI_Isend(next_out, static_cast<int>(sent), MPI_BYTE, to, kTag, all_,
                                   &requests[1]);
            if (result == MPI_SUCCESS) result = wait(requests);
            if (result != MPI_SUCCESS) return text_of(result);
            next_out += sent;
            next_in += received;
            out_bytes -= sent;
            in_bytes -= received;
        }
        return "";
    }

    [[noreturn]] void end_all(int code) override {
        std::fflush(nullptr);
        MPI_Abort(MPI_COMM_WORLD, code);
        std::_Exit(code);
    }

    void finish() override {
        MPI_Comm_free(&all_);
        MPI_Finalize();
    }

  private:
    /// MPI's own waiting would keep the processor busy, which others on this machine may need.
    int wait(MPI_Request (&requests)[2]) {
        for (int tests = 0;; ++tests) {
            int done = 0;
            const int result = MPI_Testall(2, requests, &done, MPI_STATUSES_IGNORE);
            if (done != 0 || result != MPI_SUCCESS) return result;
            if (processor_is_wanted_ && processor_is_wanted_()) {
                usleep(kShortNap);
                continue;
            }
            if (tests < kEagerTests) continue;
            if (tests < kYieldingTests) {
                sched_yield();
                continue;
            }
            usleep(kNap);
        }
    }

    static std::string text_of(int error) {
        char text[MPI_MAX_ERROR_STRING] = "";
        int length = 0;
        MPI_Error_string(error, text, &length);
        return {text, static_cast<size_t>(length)};
    }

    MPI_Comm all_ = MPI_COMM_NULL;
    int rank_ = 0, size_ = 1;
};

}  // namespace
}  // namespace gmc::runtime

extern "C" gmc::runtime::Transport* gmc_start_transport(int version) {
    if (version != gmc::runtime::kTransportVersion) return nullptr;
    return new gmc::runtime::MpiTransport();
}
