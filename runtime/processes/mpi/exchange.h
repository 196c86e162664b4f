// Messages between two processes, to and fro at the same time, on MPI.
#pragma once

#include <mpi.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

namespace gmc::runtime {

/// MPI counts bytes in an int. Longer messages are sent in pieces.
constexpr size_t kLongPiece = size_t{1} << 30;
/// Between machines, pieces are so short that MPI sends each at once. For longer ones it asks the
/// receiver first, whose answer waits behind what the receiver itself has begun to send, since it
/// takes the same connection of TCP: the way to would begin when the way fro has ended.
#ifdef OPEN_MPI
constexpr size_t kShortPiece = size_t{60} << 10;  // sent at once: 64 KiB with MPI's own words
#else
constexpr size_t kShortPiece = size_t{15} << 10;  // 16 KiB in libfabric, 128 KiB in older MPICH
#endif

/// One of both ways. Its pieces are sent and received in order, and some are under way at a time.
class Way {
  public:
    /// `data` is only read where it is sent. Both ends have the same `piece`.
    static Way to(int rank, const void* data, size_t bytes, size_t piece, int tag, MPI_Comm all) {
        return {rank, const_cast<void*>(data), bytes, piece, tag, all, true};
    }
    static Way from(int rank, void* data, size_t bytes, size_t piece, int tag, MPI_Comm all) {
        return {rank, data, bytes, piece, tag, all, false};
    }

    /// Begins what can be begun, and looks at what has ended. Returns a code of MPI.
    int go_on() {
        while (!is_done()) {
            for (; begun_ < bytes_ && begun_ < done_ + kUnderWay * piece_; begun_ += piece_)
                if (const int result = begin(); result != MPI_SUCCESS) return result;
            int done = 0;
            const int result = MPI_Test(&request(done_), &done, MPI_STATUS_IGNORE);
            if (result != MPI_SUCCESS || done == 0) return result;
            done_ += piece_;
        }
        return MPI_SUCCESS;
    }
    bool is_done() const { return done_ >= bytes_; }

  private:
    static constexpr size_t kUnderWay = 32;

    Way(int rank, void* data, size_t bytes, size_t piece, int tag, MPI_Comm all, bool sends)
        : rank_(rank),
          tag_(tag),
          data_(static_cast<char*>(data)),
          bytes_(bytes),
          piece_(piece),
          all_(all),
          sends_(sends) {}

    MPI_Request& request(size_t offset) { return requests_[offset / piece_ % kUnderWay]; }

    /// MPI keeps what it cannot send yet, and goes on with that in its own calls only. So that
    /// little is left when the exchange has ended, all pieces but the last wait for their arrival.
    int begin() {
        const size_t left = bytes_ - begun_, size = std::min(left, piece_);
        char* data = data_ + begun_;
        const int count = static_cast<int>(size);
        MPI_Request* made = &request(begun_);
        if (!sends_) return MPI_Irecv(data, count, MPI_BYTE, rank_, tag_, all_, made);
        return (left > size ? MPI_Issend : MPI_Isend)(data, count, MPI_BYTE, rank_, tag_, all_,
                                                      made);
    }

    int rank_, tag_;
    char* data_;
    size_t bytes_, piece_, begun_ = 0, done_ = 0;
    MPI_Comm all_;
    bool sends_;
    MPI_Request requests_[kUnderWay];
};

/// Both ways, until both have ended. Returns a code of MPI. MPI's own waiting would keep the
/// processor busy, which others on this machine may need; `wanted` says that one does.
template <typename Wanted>
int exchange(Way& out, Way& in, Wanted wanted) {
    /// How often a message is asked for before the processor is left to others, and then slept.
    constexpr int kEagerTests = 2000, kYieldingTests = 4000;
    constexpr useconds_t kNap = 50, kShortNap = 20;  // microseconds
    for (int tests = 0;; ++tests) {
        int result = in.go_on();  // first: what is expected is not copied
        if (result == MPI_SUCCESS) result = out.go_on();
        if (result != MPI_SUCCESS || (in.is_done() && out.is_done())) return result;
        if (wanted())
            usleep(kShortNap);
        else if (tests >= kYieldingTests)
            usleep(kNap);
        else if (tests >= kEagerTests)
            sched_yield();
    }
}

}  // namespace gmc::runtime
