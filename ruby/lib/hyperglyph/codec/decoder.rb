# frozen_string_literal: true

require_relative "number"
require_relative "white_space"
require_relative "chunks"
require_relative "root"

module Hyperglyph
  module Codec
    # Reads one message that comes in pieces.
    #
    #   decoder = Hyperglyph::Codec::Decoder.new
    #   while (piece = io.read(65_536))
    #     decoder.feed(piece)
    #   end
    #   value = decoder.finish
    #
    # However the message is cut, value or fault are the same (REQ-MSG-5). After a fault each call raises
    # it again. Not to be shared among threads.
    class Decoder
      # `followed`: the message is one of a sequence. What comes behind it is left in `rest`, and no fault.
      def initialize(limits: nil, followed: false)
        limits ||= Limits::DEFAULT
        white_space = WhiteSpace.new(limits)
        @chunks = Chunks.new(limits, white_space, followed)
        @followed = followed
        @root = Root.new(limits, white_space, @chunks)
        @base = 0             # where the buffer begins in the message
        @buffer = "".b        # what has come and has not been read
        @needed = 1           # octets that it must hold before it is looked at again
        @fault = nil
        @finished = false
      end

      # Takes the next octets, a String; gives self. DecodeError as soon as they show a fault.
      def feed(octets)
        raise TypeError, "a message is a String, or has read: not #{octets.class}" unless octets.is_a?(String)
        raise @fault if @fault
        raise ArgumentError, "this message is finished: begin another Decoder" if @finished

        if @buffer.empty?
          @buffer = octets.b
        else
          @buffer << octets.b
        end
        run if @buffer.bytesize >= @needed
        self
      end

      # Whether the value is there. Octets of its blobs may be missing.
      def root?
        @root.complete?
      end

      # The value once it is there, else nil. Its blobs are to be read after `finish`.
      def root
        @root.value
      end

      # Whether all of the message is there, the content of its blobs too.
      def complete?
        root? && @chunks.complete?
      end

      # The octets behind the message, where it is `followed`.
      def rest
        @buffer
      end

      # No more octets come: gives the value. DecodeError if some are missing.
      def finish
        raise @fault if @fault

        unless @finished
          missing unless complete? && (@followed || @buffer.empty?)
          @finished = true
        end
        @root.value
      end

      def finished?
        @finished
      end

      # Lets go of the content of blobs: for a message that is not wanted any more.
      def close
        @chunks.close
      end

      private

      def run
        pos = root? ? 0 : @root.scan(@buffer, @base)
        pos = @chunks.scan(@buffer, @base, pos) if root?
        @needed = root? ? @chunks.needed : @root.needed
        return if pos.zero?

        @needed = [@needed - pos, 1].max
        @base += pos
        @buffer = @buffer.byteslice(pos, @buffer.bytesize - pos)
      rescue DecodeError => e
        fail_with(e)
      end

      def missing
        what = root? ? "a chunk of a blob" : "a part of the value"
        fail_with(DecodeError.new(:truncated, @base + @buffer.bytesize, "the message ends, and #{what} is missing"))
      end

      def fail_with(fault)
        @fault = fault
        close
        raise fault
      end
    end
  end
end
