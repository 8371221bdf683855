# frozen_string_literal: true

module Hyperglyph
  module Codec
    # Reads what follows the root: the chunks of its blobs, and white space (chapter 10 of the standard).
    class Chunks
      # Octets that a buffer must hold before `scan` can go on.
      attr_reader :needed

      # `followed`: another message may follow this one.
      def initialize(limits, white_space, followed)
        @followed = followed
        @limits = limits
        @white_space = white_space
        @spools = {}          # by id, those that have had no end chunk; false: it has had one
        @open = 0
        @spool = nil          # whose chunk is being read
        @left = 0             # octets of that chunk that have not come
        @length = 0           # octets of that chunk in all; 0 after an end chunk
        @content = 0          # octets of all blobs, which the limit of octets does not count
        @needed = 1
      end

      # Makes room for the content of a blob that begins in the root: its Spool, or nil if the id
      # is taken.
      def reserve(id)
        return if @spools.key?(id)

        @open += 1
        @spools[id] = Blob::Spool.new
      end

      # So many blobs have begun.
      def count
        @spools.size
      end

      # Each blob has had its end chunk.
      def complete?
        @open.zero? && @spool.nil?
      end

      def close
        @spools.each_value { |spool| spool.close if spool }
      end

      # Reads from `pos` on, gives where it stopped: at the end, or at a head that has not come whole.
      def scan(buffer, base, pos)
        @needed = 1
        while true
          pos = content(buffer, base, pos) if @spool
          break if @spool || (@followed && complete?)

          pos = @white_space.skip(buffer, base, pos)
          following = head(buffer, base, pos)
          break unless following

          pos = following
        end
        pos
      end

      private

      def content(buffer, base, pos)
        here = [buffer.bytesize - pos, @left].min
        if here.positive?
          @spool.write(buffer.byteslice(pos, here))
          @left -= here
          pos += here
        end
        return pos if @left.positive? || pos == buffer.bytesize

        malformed(base + pos, "a chunk ends with ; after its octets") unless buffer.getbyte(pos) == 0x3b
        @spool = nil
        pos + 1
      end

      # Gives where the head ends, nil if it is not there whole.
      def head(buffer, base, pos)
        first = buffer.getbyte(pos)
        return unless first

        start = base + pos
        malformed(start, "only chunks and white space may follow the value") unless first == 0x63
        id, stop = number(buffer, start, pos + 1)
        return unless id

        case buffer.getbyte(stop)
        when 0x3b then end_chunk(start, id)
        when 0x3a
          length, stop = number(buffer, start, stop + 1)
          return unless length

          malformed(start, "the length of a chunk ends with :") unless buffer.getbyte(stop) == 0x3a
          begin_chunk(start, id, length)
        else malformed(start, "the id of a chunk ends with : or ;")
        end
        count_head(start, base + stop + 1)
        stop + 1
      end

      def number(buffer, start, pos)
        value, stop = Number.read(buffer, pos)
        malformed(start, "a chunk has numbers of up to #{Number::MOST_DIGITS} digits") if value.nil?
        if value == :more
          @needed = buffer.bytesize + 1
          return
        end
        [value, stop]
      end

      def begin_chunk(start, id, length)
        @spool = known(start, id)
        if @spool.size + length > @limits.blob_octets
          raise DecodeError.new(:limit, start, "a blob may have #{@limits.blob_octets} octets")
        end

        @left = length
        @length = length
      end

      def end_chunk(start, id)
        known(start, id).done
        @spools[id] = false
        @open -= 1
        @length = 0
      end

      def known(start, id)
        @spools[id] || malformed(start, @spools.key?(id) ? "the blob #{id} has ended" : "there is no blob #{id}")
      end

      def count_head(start, stop)
        if stop - @content > @limits.octets
          raise DecodeError.new(:limit, start, "a message may have #{@limits.octets} octets beside the content of blobs")
        end

        @content += @length
      end

      def malformed(offset, reason)
        raise DecodeError.new(:malformed, offset, reason)
      end
    end
  end
end
