# frozen_string_literal: true

require "zlib"

module Hyperglyph
  class Client
    # The body of an answer, which is pulled. `read` gives some octets, nil at its whole end; TransportError where
    # it is cut short, MalformedAnswer where its framing cannot be read. Any thread may read it, one at a time.
    class Body
      SIZE = /\A([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\z/n.freeze

      # Octets of the body where the head says it, else nil.
      attr_reader :length

      def initialize(connection, framing, reusable:, &release)
        @connection = connection
        @framing = framing
        @length = framing if framing.is_a?(Integer)
        @left = @length || 0
        @reusable = reusable && framing != :close
        @release = release
        @ended = false
        finish if @length == 0
      end

      def ended?
        @ended
      end

      def read(deadline)
        return nil if @ended
        raise TransportError.new("the body of this answer was given up", outcome: :done) if @connection.nil?

        piece = case @framing
                when :chunked then chunk(deadline)
                when :close then any(deadline)
                else counted(deadline)
                end
        finish if piece.nil? || (@length && @left.zero?)
        piece
      rescue Error
        close
        raise
      end

      # Reads up to so many octets to the end, so that the connection can be used again, and gives up behind them.
      def drain(octets, deadline)
        while (piece = read(deadline))
          break if (octets -= piece.bytesize).negative?
        end
      rescue Error
        nil
      ensure
        close
      end

      # Gives up what has not been read, and the connection with it.
      def close
        @connection&.shut unless @ended
        @connection = nil
      end

      private

      def finish
        @ended = true
        connection = @connection
        @connection = nil
        @release.call(connection, @reusable && connection.buffer.empty?)
      end

      def any(deadline)
        buffer = @connection.buffer
        return if buffer.empty? && !@connection.fill(deadline)

        buffer.slice!(0, buffer.bytesize)
      end

      def counted(deadline)
        buffer = @connection.buffer
        cut if buffer.empty? && !@connection.fill(deadline)
        piece = buffer.slice!(0, [buffer.bytesize, @left].min)
        @left -= piece.bytesize
        piece
      end

      def chunk(deadline)
        if @left.zero?
          @left = chunk_size(deadline)
          return trailers(deadline) if @left.zero?
        end
        piece = counted(deadline)
        raise MalformedAnswer, "a chunk does not end where it should" if @left.zero? && line(deadline) != ""

        piece
      end

      def chunk_size(deadline)
        match = SIZE.match(line(deadline)) or raise MalformedAnswer, "the size of a chunk cannot be read"
        match[1].hex
      end

      def trailers(deadline)
        nil until line(deadline).empty?
      end

      def line(deadline)
        @connection.chunk_line(deadline) || cut
      end

      def cut
        raise TransportError.new("the body of the answer is cut short", outcome: :done)
      end
    end

    # A body whose one layer of gzip is undone, in bounded steps (REQ-HEAD-8, REQ-SAFE-8).
    class Inflated
      STEP = 4_096 # compressed octets at a time: what they hold is about a thousand times as much, at most

      def initialize(body)
        @body = body
        @inflater = Zlib::Inflate.new(Zlib::MAX_WBITS + 16)
        @waiting = "".b
        @given = 0 # compressed octets that the inflater has had
      end

      def length
        nil
      end

      def ended?
        @body.ended?
      end

      def read(deadline)
        loop do
          if @waiting.empty?
            @waiting = @body.read(deadline)&.dup
            return ended if @waiting.nil?
          end
          plain = inflate(@waiting.slice!(0, STEP))
          return plain unless plain.empty?
        end
      rescue Zlib::Error => e
        close
        raise MalformedAnswer, "the compressed body is damaged: #{e.message}"
      end

      def drain(octets, deadline)
        @body.drain(octets, deadline)
      end

      def close
        @body.close
        return if @inflater.closed?

        @inflater.reset # or Ruby warns of an unfinished stream
        @inflater.close
      end

      private

      def inflate(octets)
        @given += octets.bytesize
        plain = @inflater.finished? ? "" : @inflater.inflate(octets)
        fail_with("something follows the compressed body") if @inflater.finished? && @inflater.total_in < @given
        plain
      end

      def ended
        @waiting = "".b
        fail_with("the compressed body is cut short") unless @inflater.finished?
        nil
      end

      def fail_with(reason)
        close
        raise MalformedAnswer, reason
      end
    end
  end
end
